// Fingers, mouse and wheel on a map: what they mean, as calls of its `tap`, `doubleTap`, `pan`, `zoomAt`, `rest`.

const DRAG = 8;
// Two taps this near to each other, in time and place, are one double tap.
const TWICE_MS = 300;
const TWICE_APART = 36;
// How fast a thrown map slows down, a millisecond, and where it stops, in pixels a millisecond.
const FRICTION = 0.994;
const SLOWEST = 0.03;

export function listenToFingers(frame, map) {
  // By pointer: where it was last, and how far it has come.
  const pointers = new Map();
  let box = { left: 0, top: 0 };
  let tapped = null;
  let throwing = 0;
  let speed = [0, 0];
  let movedAt = 0;

  function place(event) {
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function pressed(event) {
    if (event.button) return;
    window.cancelAnimationFrame(throwing);
    box = frame.getBoundingClientRect();
    const [x, y] = place(event);
    pointers.set(event.pointerId, { x, y, moved: 0, onButton: event.target.closest("button") !== null });
    // A second finger makes it a pinch, and no tap any more.
    if (pointers.size > 1) for (const pointer of pointers.values()) pointer.moved = DRAG + 1;
    speed = [0, 0];
  }

  function dragged(event) {
    const pointer = pointers.get(event.pointerId);
    if (!pointer) return;
    const [x, y] = place(event);
    const [dx, dy] = [x - pointer.x, y - pointer.y];
    if (pointers.size === 2) pinched(event, pointer, x, y);
    else {
      const before = pointer.moved;
      pointer.moved += Math.hypot(dx, dy);
      if (pointer.moved > DRAG) {
        // Not before: a button under the finger would never hear of its click.
        if (before <= DRAG) frame.setPointerCapture(event.pointerId);
        map.pan(dx, dy, event.pointerType !== "mouse");
        const passed = Math.max(1, event.timeStamp - movedAt);
        speed = [0.6 * speed[0] + (0.4 * dx) / passed, 0.6 * speed[1] + (0.4 * dy) / passed];
      }
    }
    movedAt = event.timeStamp;
    [pointer.x, pointer.y] = [x, y];
  }

  function pinched(event, pointer, x, y) {
    const [, other] = [...pointers].find(([id]) => id !== event.pointerId);
    const before = Math.hypot(pointer.x - other.x, pointer.y - other.y);
    const after = Math.hypot(x - other.x, y - other.y);
    map.pan((x - pointer.x) / 2, (y - pointer.y) / 2, false);
    if (before > 0) map.zoomAt(after / before, (x + other.x) / 2, (y + other.y) / 2);
  }

  function released(event) {
    const pointer = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (!pointer) return;
    if (pointer.moved > DRAG) {
      if (!pointers.size) thrown(event);
    } else if (!pointer.onButton) taps(event, ...place(event));
  }

  function taps(event, x, y) {
    const isTwice =
      tapped && event.timeStamp - tapped.at < TWICE_MS && Math.hypot(x - tapped.x, y - tapped.y) < TWICE_APART;
    window.clearTimeout(tapped?.timer);
    if (isTwice) {
      tapped = null;
      map.doubleTap(x, y);
      return;
    }
    const isFinger = event.pointerType !== "mouse";
    // Whether a second one follows is known only later: until then the seat only shows that it was touched.
    const waits = map.touched(x, y, isFinger);
    tapped = { at: event.timeStamp, x, y, timer: waits ? window.setTimeout(() => map.tap(x, y, isFinger), TWICE_MS) : 0 };
    if (!waits) map.tap(x, y, isFinger);
  }

  function thrown(event) {
    if (event.timeStamp - movedAt > 60 || map.isStill || Math.hypot(...speed) < 10 * SLOWEST) {
      map.rest();
      return;
    }
    let last = performance.now();
    const glide = (now) => {
      const passed = Math.min(50, now - last);
      last = now;
      speed = speed.map((each) => each * FRICTION ** passed);
      if (Math.hypot(...speed) < SLOWEST) {
        map.rest();
        return;
      }
      map.pan(speed[0] * passed, speed[1] * passed, false);
      throwing = window.requestAnimationFrame(glide);
    };
    throwing = window.requestAnimationFrame(glide);
  }

  function rolled(event) {
    // At the end of the zoom the wheel scrolls the page again.
    const isOut = event.deltaY > 0;
    if (isOut ? map.view.isWhole : map.view.isClosest) return;
    event.preventDefault();
    box = frame.getBoundingClientRect();
    map.zoomAt(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), ...place(event));
    map.rest();
  }

  frame.addEventListener("pointerdown", pressed);
  frame.addEventListener("pointermove", dragged);
  frame.addEventListener("pointerup", released);
  frame.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    map.rest();
  });
  frame.addEventListener("wheel", rolled, { passive: false });
}
