"use strict";
const words = {
  en: {
    otherLanguage: "中文", headline: "Coroutines you can read from top to bottom",
    what: "Stepwise is a C++20 coroutine runtime for Linux: an event loop on epoll or io_uring, futures and tasks, " +
      "HTTP and WebSocket. This page is served by it.",
    course: "Read the course", chat: "Open the chat room", reference: "Reference",
    chatHint: "Open it in two windows and talk to yourself. For the phones in the room, start the server with",
    demosTitle: "The demos", demosHint: "One idea each, to be read from top to bottom; the numbers are the order.",
    copy: "Copy", copied: "Copied", copyLabel: command => `Copy ${command}`,
    noDemos: "The list of the demos could not be loaded.",
    tryTitle: "Talk to this server", tryHint: "Three requests, and what the server really answered.",
    getLabel: "Whom shall it greet?", postLabel: "What shall it send back?", wsLabel: "A message, there and back",
    ask: "Ask", send: "Send", failed: "No answer: is the server still running?",
    getValue: "world", postValue: "the quick brown fox", wsValue: "hello, socket",
    sent: text => `→ ${text}`, received: (text, ms) => `← ${text}\n   ${ms} ms`,
    status: (code, reason, body, ms) => `${code} ${reason}   ${ms} ms\n${body}`,
  },
  zh: {
    otherLanguage: "EN", headline: "从头到尾看得懂的协程",
    what: "Stepwise 是 Linux 上的 C++20 协程运行时：事件循环可用 epoll 或 io_uring，有 Future 和 Task，" +
      "有 HTTP 和 WebSocket。这一页就由它提供。",
    course: "看教程", chat: "进入聊天室", reference: "参考手册", chatHint: "开两个窗口就能和自己聊天。想让教室里的手机也加入，启动时加上",
    demosTitle: "示例程序", demosHint: "每个程序只讲一件事，从头读到尾；编号就是阅读顺序。",
    copy: "复制", copied: "已复制", copyLabel: command => `复制 ${command}`,
    noDemos: "示例列表没有加载成功。",
    tryTitle: "和服务器说句话", tryHint: "三种请求，下面显示的都是服务器真实的回答。",
    getLabel: "向谁问好？", postLabel: "要它原样送回什么？", wsLabel: "一条消息，去了再回",
    ask: "请求", send: "发送", failed: "没有回答：服务器还在运行吗？",
    getValue: "世界", postValue: "床前明月光", wsValue: "你好，WebSocket",
    sent: text => `→ ${text}`, received: (text, ms) => `← ${text}\n   ${ms} 毫秒`,
    status: (code, reason, body, ms) => `${code} ${reason}   ${ms} 毫秒\n${body}`,
  },
};
const element = id => document.getElementById(id);

// A browser may refuse storage; the page then works without a memory.
function recall(key) { try { return localStorage.getItem(key) ?? ""; } catch { return ""; } }
function remember(key, value) { try { localStorage.setItem(key, value); } catch { /* works without */ } }

const wantedLanguage = new URLSearchParams(location.search).get("lang") ??
  (recall("stepwise.language") || navigator.language);
let language = wantedLanguage.toLowerCase().startsWith("zh") ? "zh" : "en";
let demos = [], demosFailed = false;
const word = (key, ...values) => values.length ? words[language][key](...values) : words[language][key];

function make(tag, className, content) {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = content;
  return node;
}

async function copyCommand(command, button) {
  try {
    await navigator.clipboard.writeText(command);
    button.textContent = word("copied");
  } catch { /* refused: the command stands beside the button and can be selected */ }
}

function demoItem(demo) {
  const item = document.createElement("li"), command = `./stepwise run ${demo.number}`;
  // A title is an idea and, after its first colon, what is seen of it.
  const whole = demo[`title_${language}`];
  const [, title, detail] = /^(.*?)(?:: ?|：)(.*)$/.exec(whole) ?? [null, whole, ""];
  const heading = make("div", "title", title), run = make("div", "run", "");
  heading.append(make("span", "detail", detail));
  run.append(make("code", "", command));
  // Browsers give pages the clipboard only on loopback and over https.
  if (navigator.clipboard) {
    const copy = make("button", "", word("copy"));
    copy.type = "button";
    copy.ariaLabel = word("copyLabel", command);
    copy.addEventListener("click", () => copyCommand(command, copy));
    run.append(copy);
  }
  item.append(make("span", "number", demo.number), heading, run);
  return item;
}

function showLanguage() {
  const before = language === "zh" ? words.en : words.zh;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = `Stepwise: ${word("headline")}`;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  element("language").textContent = word("otherLanguage");
  element("language").lang = language === "zh" ? "en" : "zh-CN";
  element("course").href = `course/${language}/`;
  element("chat").search = `?lang=${language}`;
  for (const id of ["get", "post", "ws"]) {
    const input = element(`${id}Text`); // an example is translated, what someone typed is not
    if (!input.value || input.value === before[`${id}Value`]) input.value = word(`${id}Value`);
  }
  element("demos").replaceChildren(...demos.map(demoItem));
  element("demosState").textContent = demosFailed ? word("noDemos") : "";
}

async function loadDemos() {
  try {
    const response = await fetch("demos.json");
    if (!response.ok) throw new Error(response.statusText);
    demos = await response.json();
  } catch {
    demosFailed = true;
  }
  showLanguage();
}

const since = start => Math.max(1, Math.round(performance.now() - start));

async function askServer(output, path, options) {
  const start = performance.now();
  try {
    const response = await fetch(path, options);
    const body = await response.text();
    output.textContent = word("status", response.status, response.statusText, body, since(start));
  } catch {
    output.textContent = word("failed");
  }
}

// ---- The WebSocket is opened by the first message and kept.

let socket = null, waiting = [];

function openSocket() {
  const address = new URL("ws", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const mine = socket = new WebSocket(address);
  mine.onopen = () => { for (const one of waiting) mine.send(one.text); };
  mine.onmessage = event => {
    const sent = waiting.shift();
    const lines = [word("sent", sent.text), word("received", event.data, since(sent.start))];
    element("wsResult").textContent = lines.join("\n");
  };
  mine.onclose = () => {
    if (waiting.length) element("wsResult").textContent = word("failed");
    waiting = [];
    socket = null;
  };
}

function sendSocket() {
  const one = { text: element("wsText").value, start: performance.now() };
  waiting.push(one);
  if (!socket) openSocket();
  else if (socket.readyState === WebSocket.OPEN) socket.send(one.text);
}

function onSubmit(id, action) {
  element(id).addEventListener("submit", event => {
    event.preventDefault();
    action();
  });
}
onSubmit("get", () => askServer(element("getResult"), `hello?name=${encodeURIComponent(element("getText").value)}`));
onSubmit("post", () => askServer(element("postResult"), "echo",
  { method: "POST", headers: { "Content-Type": "text/plain; charset=utf-8" }, body: element("postText").value }));
onSubmit("ws", sendSocket);
element("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  remember("stepwise.language", language);
  const address = new URL(location.href);
  address.searchParams.set("lang", language);
  history.replaceState(null, "", address);
  showLanguage();
});
showLanguage();
loadDemos();
