// The legend of the map: what each sign means and how many seats of it are left, and a filter by grade.

export class Legend {
  // `onFilter(categories, onlyAccessible)` is told what is to be shown.
  constructor(list, { language, texts, onFilter }) {
    Object.assign(this, { list, texts, onFilter, numbers: new Intl.NumberFormat(language) });
    this.buttons = [...list.querySelectorAll("[data-category], [data-accessible]")].map((item) => this.makeButton(item));
  }

  makeButton(item) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "legend-filter";
    button.setAttribute("aria-pressed", "false");
    button.append(...item.childNodes);
    const count = button.querySelector(".legend-count");
    item.append(button);
    button.addEventListener("click", () => {
      const isPressed = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(isPressed));
      item.classList.toggle("pressed", isPressed);
      this.filter();
    });
    return { button, count, ...item.dataset };
  }

  filter() {
    const pressed = this.buttons.filter(({ button }) => button.getAttribute("aria-pressed") === "true");
    const categories = pressed.filter(({ category }) => category !== undefined).map(({ category }) => Number(category));
    this.onFilter(new Set(categories), pressed.some(({ accessible }) => accessible !== undefined));
  }

  count({ byCategory, accessible }) {
    for (const each of this.buttons) {
      const left = each.category === undefined ? accessible : byCategory[Number(each.category)];
      each.count.textContent = this.texts.left.replace("{left}", this.numbers.format(left));
      each.button.classList.toggle("none", !left);
    }
  }
}

