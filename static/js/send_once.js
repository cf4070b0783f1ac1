// <form data-once>: is sent once, however often its button is pressed. The second press would find the first one's work
// done, and tell that nothing was.

for (const form of document.querySelectorAll("form[data-once]")) {
  let isSent = false;
  form.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  // Whoever goes back to it may send it anew.
  window.addEventListener("pageshow", () => {
    isSent = false;
  });
}
