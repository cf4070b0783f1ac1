// A form that is sent without a network is lost to the browser's own page: it stays where it is, and says so.
// <form data-offline="…"> has what is said, which goes into the next [data-offline-notice].

for (const form of document.querySelectorAll("form[data-offline]")) {
  const notice = document.querySelector("[data-offline-notice]");
  form.addEventListener("submit", (event) => {
    if (navigator.onLine) return;
    event.preventDefault();
    notice.textContent = form.dataset.offline;
    notice.hidden = false;
    notice.scrollIntoView({ block: "nearest" });
  });
  window.addEventListener("online", () => {
    notice.hidden = true;
  });
}
