// How long a fan's device takes to work a draw out again: static/js/draw_worker.js itself, over lists of these lengths.
//
//     node bench/draw_check.mjs 10000 100000
//
// Told are seconds for a list of so many entries, and for a hundred entries by a bare SHA-256 in the same run.

import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const worker = await readFile(new URL("../static/js/draw_worker.js", import.meta.url), "utf8");

function makeDraw(size) {
  const seed = randomBytes(32).toString("hex");
  const token = crypto.randomUUID();
  const entries = Array.from({ length: size - 1 }, () => sha256(randomBytes(16))).concat(sha256(token));
  const ranked = entries.map((entry) => [sha256(`${seed}:${entry}`), entry]).sort(([one], [other]) => (one < other ? -1 : 1));
  const list = ranked.map(([, entry], nth) => `${nth + 1},${entry}\n`).join("");
  const number = 1 + ranked.findIndex(([, entry]) => entry === sha256(token));
  const draw = { seed, seed_hash: sha256(Buffer.from(seed, "hex")), entries_hash: sha256(list), size };
  return { draw, list: `seed,${seed}\n${list}`, token, number };
}

function checked({ draw, list, token, number }) {
  const answers = { list: new Response(list), queue: Response.json({ draw }) };
  return new Promise((resolve) => {
    let heard;
    const self = {
      addEventListener: (name, listen) => { heard = listen; },
      postMessage: (said) => { if (!("done" in said)) resolve(said); },
    };
    new Function("self", "fetch", worker)(self, async (address) => answers[address]);
    heard({ data: { list: "list", queue: "queue", token, number } });
  });
}

for (const size of process.argv.slice(2).map(Number)) {
  const made = makeDraw(size);
  const began = performance.now();
  const said = await checked(made);
  const took = performance.now() - began;
  const isGenuine = ["seed", "list", "order", "own"].every((each) => said.result?.[each]);
  if (!isGenuine) throw new Error(`the draw was not found genuine: ${JSON.stringify(said)}`);
  const since = performance.now();
  for (let nth = 0; nth < 100; nth += 1) sha256(`${made.draw.seed}:${nth}`);
  console.log(`${size} entries: ${(took / 1000).toFixed(2)} s; bare SHA-256, for as many: ${(((performance.now() - since) * size) / 1e5).toFixed(2)} s`);
}
