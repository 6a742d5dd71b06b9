"use strict";
const words = {
  en: {
    title: "Stepwise chat", otherLanguage: "中文", send: "Send", retry: "Try now", rename: "Change name",
    enter: "Enter", guest: "guest", you: "(you)", offline: "offline", log: "Messages", newer: "New messages ↓",
    hint: "Enter sends, Shift+Enter starts a new line",
    empty: "Nothing has been said yet. Open this page in a second window and talk to yourself.",
    nameTitle: "Who are you?", nameLabel: "Name", nameHelp: "The others in the room see it. No account is needed.",
    asking: "Not connected yet", connecting: "Connecting …", ready: name => `Connected as ${name}`,
    waiting: "Connection lost. It is tried again by itself; what you type is kept.",
    countdown: seconds => `(next try in ${seconds} s)`, online: count => `${count} online`,
    join: " entered the room", leave: " left the room", say: " says: ",
    lost: "— the connection was lost —", back: "— connected again —",
    notSent: "Not sent yet: there is no connection.",
  },
  zh: {
    title: "Stepwise 聊天室", otherLanguage: "EN", send: "发送", retry: "立即重试", rename: "修改昵称",
    enter: "进入", guest: "访客", you: "（我）", offline: "离线", log: "消息", newer: "新消息 ↓",
    hint: "回车发送，Shift+回车换行",
    empty: "还没有人说话。再开一个窗口，就能和自己聊天。",
    nameTitle: "怎么称呼你？", nameLabel: "昵称", nameHelp: "聊天室里的人会看到它，不需要注册。",
    asking: "尚未连接", connecting: "正在连接……", ready: name => `已连接，昵称：${name}`,
    waiting: "连接已断开，正在自动重连；已输入的内容不会丢失。",
    countdown: seconds => `（${seconds} 秒后重试）`, online: count => `在线 ${count} 人`,
    join: " 进入聊天室", leave: " 离开聊天室", say: " 说：",
    lost: "—— 连接已断开 ——", back: "—— 已重新连接 ——", notSent: "尚未发送：现在没有连接。",
  },
};
const linesMax = 500, textCharactersMax = 2000;
const retryFirstMs = 500, retryMaxMs = 15000, welcomeWithinMs = 10000;
const element = id => document.getElementById(id);
const scroll = element("scroll"), log = element("log"), text = element("text"), state = element("state");

// A browser may refuse storage; the page then works without a memory.
function recall(storage, key) { try { return window[storage].getItem(key) ?? ""; } catch { return ""; } }
function remember(storage, key, value) { try { window[storage].setItem(key, value); } catch { /* works without */ } }

const wantedLanguage = new URLSearchParams(location.search).get("lang") ??
  (recall("localStorage", "stepwise.language") || navigator.language);
let language = wantedLanguage.toLowerCase().startsWith("zh") ? "zh" : "en";
let wantedName = recall("localStorage", "stepwise.name");
let ownName = "", online = [], entries = [];
let socket = null, attempt = 0, timer = 0, retryAt = 0, wasOnline = false;
let following = true, lastTop = 0, frame = 0; // following: the newest line is in sight and stays there
let unconfirmed = []; // said, but not yet heard back: returned to the text box if the connection dies
const word = (key, ...values) => values.length ? words[language][key](...values) : words[language][key];

// ---- What is seen. Whatever a peer wrote goes through textContent and never through markup.

function span(className, content) {
  const node = document.createElement("span");
  node.className = className;
  node.textContent = content;
  return node;
}

function nameSpan(name) {
  let hue = 7;
  for (const character of name) hue = (hue * 137 + character.codePointAt(0) * 61) % 360;
  const node = span("name", name);
  node.style.setProperty("--hue", hue);
  return node;
}

function fillLine(line, entry) {
  const body = span("body", "");
  line.className = entry.type + (entry.mine ? " mine" : "");
  line.replaceChildren();
  if (entry.ip) line.append(span("stamp", `[${entry.ip}]-[${entry.time}]-`));
  if (entry.type === "note") body.textContent = word(entry.key);
  else if (entry.type === "error") body.textContent = entry.text;
  else body.append(nameSpan(entry.name), span("verb", word(entry.type)), entry.text ?? "");
  line.append(body);
}

function isAtBottom() { return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 32; }

function follow(on) {
  following = on;
  // What the browser does to keep old lines in place would look like a reader who scrolls.
  scroll.style.overflowAnchor = on ? "none" : "auto";
  if (on) element("newer").hidden = true;
}

function scrollToBottom() {
  scroll.scrollTop = scroll.scrollHeight;
  follow(true);
}

// Once for all lines that come between two pictures: measuring is what costs.
function scrollWithNextPicture() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    if (following) scrollToBottom();
  });
}

function addEntry(entry) {
  const line = document.createElement("li");
  fillLine(line, entry);
  entries.push(entry);
  log.append(line);
  while (entries.length > linesMax) {
    entries.shift();
    log.firstElementChild.remove();
  }
  element("empty").hidden = true;
  if (following) scrollWithNextPicture();
  else element("newer").hidden = false;
}

function showOnline() {
  const title = online.length ? word("online", online.length) : word("offline");
  element("onlineTitle").textContent = element("peopleButton").textContent = title;
  element("online").replaceChildren(...online.map(name => {
    const item = document.createElement("li");
    item.append(nameSpan(name));
    if (name === ownName) item.append(" ", span("you", word("you")));
    return item;
  }));
}

function showState(name) {
  if (name) state.dataset.state = name;
  const now = state.dataset.state, waiting = now === "waiting";
  const line = now === "online" ? word("ready", ownName) : word(now);
  if (element("stateText").textContent !== line) element("stateText").textContent = line;
  element("retry").hidden = !waiting;
  const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
  element("countdown").textContent = waiting ? word("countdown", seconds) : "";
}

function showLanguage() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = word("title");
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of document.querySelectorAll("[data-label]")) node.ariaLabel = word(node.dataset.label);
  element("language").textContent = word("otherLanguage");
  element("language").lang = language === "zh" ? "en" : "zh-CN";
  entries.forEach((entry, index) => fillLine(log.children[index], entry));
  showOnline();
  showState();
}

function showDraft() {
  const left = textCharactersMax - [...text.value].length;
  element("left").textContent = left < 200 ? left : "";
  element("left").classList.toggle("over", left < 0);
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
  remember("sessionStorage", "stepwise.draft", text.value);
}

// ---- The connection: it comes back by itself, each failure waiting longer, spread so that a full room does not
// return at the same moment.

function connect() {
  clearTimeout(timer);
  const address = new URL("socket", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.searchParams.set("name", wantedName);
  address.searchParams.set("lang", language);
  const mine = socket = new WebSocket(address);
  const overdue = setTimeout(() => mine.close(), welcomeWithinMs);
  showState("connecting");
  mine.onmessage = event => {
    if (mine !== socket) return;
    clearTimeout(overdue);
    receive(JSON.parse(event.data));
  };
  mine.onclose = () => {
    clearTimeout(overdue);
    if (mine === socket) lose();
  };
}

function lose() {
  socket = null;
  if (wasOnline) addEntry({ type: "note", key: "lost" });
  wasOnline = false;
  online = [];
  giveBack();
  const longest = Math.min(retryMaxMs, retryFirstMs * 2 ** attempt++);
  const delay = longest * (0.5 + Math.random() / 2);
  retryAt = Date.now() + delay;
  timer = setTimeout(connect, delay);
  showOnline();
  showState("waiting");
}

function retryNow() { if (state.dataset.state === "waiting") connect(); }

function giveBack() {
  if (!unconfirmed.length) return;
  text.value = [...unconfirmed, text.value].filter(Boolean).join("\n");
  unconfirmed = [];
  showDraft();
}

function receive(message) {
  if (message.online) online = message.online;
  if (message.type === "welcome") {
    if (entries.length) addEntry({ type: "note", key: "back" });
    ownName = message.name;
    wasOnline = true;
    attempt = 0;
    showState("online");
    showDraft();
  } else {
    const mine = message.type === "say" && message.name === ownName;
    if (mine) unconfirmed.shift();
    if (message.type === "error") giveBack();
    const again = message.type === "error" && entries.at(-1)?.text === message.text;
    if (!again) addEntry({ ...message, mine });
  }
  if (message.online) showOnline();
}

// ---- What the user does

function send() {
  const said = text.value.trim(), length = [...said].length;
  if (!length || length > textCharactersMax) return;
  if (state.dataset.state !== "online" || socket.readyState !== WebSocket.OPEN) {
    element("left").textContent = word("notSent");
    return;
  }
  socket.send(said);
  unconfirmed.push(said);
  text.value = "";
  showDraft();
  scrollToBottom();
}

function askName() {
  element("name").value = wantedName || `${word("guest")}${Math.floor(100 + Math.random() * 900)}`;
  element("nameDialog").returnValue = "";
  element("nameDialog").showModal();
  element("name").select();
}

function takeName() {
  const name = element("name").value.trim(), dismissed = element("nameDialog").returnValue !== "enter";
  text.focus();
  // Whoever dismisses the first question enters under the name that was offered.
  if (!name || name === wantedName || (dismissed && wantedName)) return;
  wantedName = name;
  remember("localStorage", "stepwise.name", name);
  const old = socket;
  socket = null;
  old?.close();
  giveBack();
  attempt = 0;
  connect();
}

element("compose").addEventListener("submit", event => {
  event.preventDefault();
  send();
  text.focus();
});
text.addEventListener("keydown", event => {
  // While a Chinese word is being composed, Enter belongs to the input method (229: some browsers end it first).
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  send();
});
text.addEventListener("input", showDraft);
window.addEventListener("resize", showDraft);
scroll.addEventListener("scroll", () => {
  if (isAtBottom()) follow(true);
  else if (scroll.scrollTop < lastTop) follow(false);
  lastTop = scroll.scrollTop;
});
// A growing text box, a turned phone, its keyboard: the newest line stays in sight.
new ResizeObserver(() => { if (following) scrollToBottom(); }).observe(scroll);
window.addEventListener("online", retryNow);
document.addEventListener("visibilitychange", () => { if (!document.hidden) retryNow(); });
element("newer").addEventListener("click", scrollToBottom);
element("retry").addEventListener("click", retryNow);
element("nameDialog").addEventListener("close", takeName);
function showPeople(open) {
  element("people").classList.toggle("open", open);
  element("peopleButton").ariaExpanded = open;
}
element("peopleButton").addEventListener("click", () => showPeople(!element("people").classList.contains("open")));
element("rename").addEventListener("click", () => {
  showPeople(false);
  askName();
});
element("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  remember("localStorage", "stepwise.language", language);
  const address = new URL(location.href);
  address.searchParams.set("lang", language);
  history.replaceState(null, "", address);
  showLanguage();
});
setInterval(() => { if (state.dataset.state === "waiting") showState(); }, 1000);

text.value = recall("sessionStorage", "stepwise.draft");
showLanguage();
showDraft();
if (wantedName) connect();
else askName();
