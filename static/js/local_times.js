// A reader elsewhere sees their own time beside the venue's: "11:00 KST, 21:00 where you are".
//
// <time datetime="2026-12-28T19:30:00+09:00" data-when> says the venue's offset at its end. Nothing is added where the
// reader's clocks read the same at that instant, whatever their zone is called.

const MINUTE = 60000;
const text = document.querySelector("meta[name=local-times]")?.content;
const language = document.documentElement.lang;
const clock = { hour: "numeric", minute: "2-digit" };
if (language === "ko") Object.assign(clock, { hour: "2-digit", hourCycle: "h23" });
const day = { weekday: "short", month: "short", day: "numeric" };

function offsetOf(iso) {
  const [, sign, hours, minutes] = iso.match(/([+-])(\d\d):(\d\d)$/) ?? [];
  return sign ? (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) : null;
}

// What the reader's clocks read: with the day where it is another one than at the venue.
function written(moment, offset) {
  const there = new Date(moment.getTime() + (offset + moment.getTimezoneOffset()) * MINUTE);
  const isSameDay = there.toDateString() === moment.toDateString();
  return new Intl.DateTimeFormat(language, isSameDay ? clock : { ...day, ...clock }).format(moment);
}

export function showLocalTimes(root) {
  if (!text) return;
  for (const element of root.querySelectorAll("time[data-when]")) {
    element.removeAttribute("data-when");
    const moment = new Date(element.dateTime);
    const offset = offsetOf(element.dateTime);
    if (offset === null || Number.isNaN(moment.getTime()) || -moment.getTimezoneOffset() === offset) continue;
    const own = document.createElement("span");
    own.className = "local-time";
    own.textContent = text.replace("{time}", written(moment, offset));
    element.append(own);
  }
}

showLocalTimes(document);
