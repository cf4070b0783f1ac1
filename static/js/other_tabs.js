// What one tab of a fan did, told to the others of the same browser: seats that were held are not blamed on strangers.

const CHANNEL = "frontrow-holds";

export function tellHeld(seats) {
  if (!("BroadcastChannel" in window)) return;
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(seats);
  channel.close();
}

export function whenHeld(act) {
  if (!("BroadcastChannel" in window)) return;
  new BroadcastChannel(CHANNEL).addEventListener("message", ({ data }) => act(data.map(Number)));
}
