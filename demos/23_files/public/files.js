// Sends the form by itself, so that it can tell how far it is. Without this file the browser sends it as ever.
const form = document.getElementById("form");
const choice = document.getElementById("choice");
const state = document.getElementById("state");
const progress = document.getElementById("progress");
const button = form.querySelector("button");

function say(text, wrong = false) {
  state.textContent = text;
  state.classList.toggle("wrong", wrong);
}

function finish(text, wrong) {
  button.disabled = false;
  progress.hidden = true;
  say(text, wrong);
}

// The server answers with the page as it is now: its list takes the place of ours.
function showList(page) {
  const fresh = new DOMParser().parseFromString(page, "text/html");
  document.getElementById("shelf").replaceWith(fresh.getElementById("shelf"));
  form.action = fresh.getElementById("form").action;
  form.reset();
}

// An array: the list of a form is empty once the form is reset.
function send(files) {
  const body = new FormData();
  let bytes = 0;
  for (const file of files) {
    body.append("file", file);
    bytes += file.size;
  }
  if (bytes > Number(form.dataset.limit)) return finish(form.dataset.tooLarge, true);
  const request = new XMLHttpRequest();
  request.upload.onprogress = event => {
    if (!event.lengthComputable) return;
    progress.value = event.loaded / event.total;
    say(`${form.dataset.sending} ${Math.floor(100 * event.loaded / event.total)} %`);
  };
  request.onload = () => {
    if (request.status !== 200) return finish(`${form.dataset.failed} ${request.responseText.trim()}`, true);
    showList(request.responseText);
    finish(files.map(file => file.name).join(", ") + " ✓", false);
  };
  request.onerror = () => finish(form.dataset.lost, true);
  request.open("POST", form.action);
  button.disabled = true;
  progress.hidden = false;
  progress.value = 0;
  say(form.dataset.sending);
  request.send(body);
}

form.addEventListener("submit", event => {
  event.preventDefault();
  if (choice.files.length && !button.disabled) send([...choice.files]);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  form.addEventListener(kind, event => {
    event.preventDefault();
    form.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length && !button.disabled) send([...event.dataTransfer.files]);
  });
}
