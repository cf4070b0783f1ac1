// <button class="share" data-title data-copied hidden>: hands the page's address, or `data-address`, to the phone's own
// sheet, or copies it.

const canonical = document.querySelector("link[rel=canonical]")?.href ?? window.location.href;

async function share(button) {
  const { title, copied, address = canonical } = button.dataset;
  if (navigator.share) {
    // Closing the sheet is no error.
    await navigator.share({ title, url: address }).catch(() => {});
    return;
  }
  await navigator.clipboard.writeText(address);
  button.parentElement.querySelector("[role=status]").textContent = copied;
}

for (const button of document.querySelectorAll("button.share")) {
  // Neither is there outside of https.
  if (!navigator.share && !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", () => share(button));
}
