// Goes on with work that takes several requests: sends the form that is marked for it, a moment after the page is
// shown. Without this script its button does the same.
const form = document.querySelector("form[data-continue]");
if (form) {
  setTimeout(() => form.requestSubmit(), 400);
}
