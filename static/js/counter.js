// Shows only what belongs to the chosen way of paying, and the change that is due. The page works without it.
const facts = document.querySelector("[data-counter]");
const form = facts && document.querySelector("form[method=post] [name=method]")?.form;

const FIELDS = { tendered: "CASH", terminal_reference: "TERMINAL", note: "COMPLIMENTARY" };

// The label, the box and the help of a field.
function lineOf(name) {
  return form.elements[name].closest(".group");
}

function show() {
  const method = new FormData(form).get("method");
  for (const [name, needed] of Object.entries(FIELDS)) {
    if (form.elements[name]) lineOf(name).style.display = method === needed ? "" : "none";
  }
  const total = Number(facts.dataset.total);
  const taken = Number(form.elements.tendered.value);
  const change = facts.querySelector("[data-change]");
  const isEnough = method === "CASH" && taken >= total && taken > 0;
  change.classList.toggle("hidden", !isEnough);
  const digits = (facts.dataset.total.split(".")[1] ?? "").length;
  change.querySelector("[data-change-due]").textContent = (taken - total).toLocaleString(document.documentElement.lang, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

if (form) {
  form.addEventListener("input", show);
  show();
}
