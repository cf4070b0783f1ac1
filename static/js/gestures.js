// Fingers, mouse and wheel on a map: what they mean, as calls of its `tap`, `move`, `zoom`.

const DRAG = 8;

export function listenToFingers(canvas, map) {
  // By pointer: where it was last, and how far it has come.
  const pointers = new Map();

  function pressed(event) {
    if (event.button) return;
    pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY, moved: 0 });
    canvas.setPointerCapture(event.pointerId);
    // A second finger makes it a pinch, and no tap any more.
    if (pointers.size > 1) for (const pointer of pointers.values()) pointer.moved = DRAG + 1;
  }

  function dragged(event) {
    const pointer = pointers.get(event.pointerId);
    if (!pointer) return;
    const [dx, dy] = [event.offsetX - pointer.x, event.offsetY - pointer.y];
    if (pointers.size === 2) {
      const [other] = [...pointers.entries()].filter(([id]) => id !== event.pointerId).map(([, each]) => each);
      const before = Math.hypot(pointer.x - other.x, pointer.y - other.y);
      const after = Math.hypot(event.offsetX - other.x, event.offsetY - other.y);
      map.move(dx / 2, dy / 2);
      if (before > 0) map.zoom(after / before, (event.offsetX + other.x) / 2, (event.offsetY + other.y) / 2);
    } else {
      pointer.moved += Math.hypot(dx, dy);
      if (pointer.moved > DRAG) map.move(dx, dy);
    }
    [pointer.x, pointer.y] = [event.offsetX, event.offsetY];
  }

  function released(event) {
    const pointer = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (pointer && pointer.moved <= DRAG) map.tap(event.offsetX, event.offsetY, event.pointerType !== "mouse");
  }

  function rolled(event) {
    // At the end of the zoom the wheel scrolls the page again.
    const isOut = event.deltaY > 0;
    if (isOut ? map.isWhole : map.isClosest) return;
    event.preventDefault();
    map.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), event.offsetX, event.offsetY);
  }

  canvas.addEventListener("pointerdown", pressed);
  canvas.addEventListener("pointermove", dragged);
  canvas.addEventListener("pointerup", released);
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("wheel", rolled, { passive: false });
}
