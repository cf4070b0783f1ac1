// Has the fan's tickets kept on this device, so that they open without a network, and says so once they are.

const place = document.querySelector("[data-keep-tickets]");

async function keep(address) {
  await navigator.serviceWorker.register("/service-worker.js");
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  active.postMessage({ keep: address }, [port2]);
  return answer;
}

if (place && "serviceWorker" in navigator) {
  if (!navigator.onLine) place.hidden = false;
  else if (await keep(place.dataset.keepTickets).catch(() => false)) place.hidden = false;
}
