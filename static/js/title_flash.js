// The waiting page comes here by itself, also in a tab that nobody looks at: its title says so until somebody does.

const SECONDS = 1.5;
const own = document.title;
const { content: call } = document.querySelector("meta[name=turn]");

function blink() {
  if (!document.hidden) {
    document.title = own;
    return;
  }
  document.title = document.title === own ? call : own;
  window.setTimeout(blink, 1000 * SECONDS);
}

blink();
document.addEventListener("visibilitychange", blink);
