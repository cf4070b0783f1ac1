// Ctrl+K, Cmd+K and "/" go to the one search, wherever staff are; Escape leaves it again.
{
  const box = () => document.querySelector("[data-find]");
  const isTyping = (element) => element.matches?.("input, textarea, select, [contenteditable]");

  // Before the admin's own keys, which know nothing of it.
  window.addEventListener(
    "keydown",
    (event) => {
      const asked = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k";
      const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target);
      if (box() && (asked || slash)) {
        event.preventDefault();
        event.stopImmediatePropagation();
        box().focus();
        box().select();
      } else if (event.key === "Escape" && event.target === box()) {
        box().blur();
      }
    },
    true,
  );
}
