// Money as the server writes it (concert_site/lib/formats.py): ₩66,000, and 66,000원 in Korean.

import { filled } from "./seat_names.js";

// What writes amounts in minor units, as a form's data say: in which language and pattern, with how many digits.
export function moneyOf(facts) {
  const digits = Number(facts.digits);
  const amounts = new Intl.NumberFormat(facts.language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (amount) => filled(facts.money, { amount: amounts.format(amount / 10 ** digits) });
}
