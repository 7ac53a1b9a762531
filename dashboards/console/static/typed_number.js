// A number that a person typed, read as the language of the page writes it. Pure.

/**
 * Return the number, typed with a comma or a point; else the key of the text that says why it is none: `number_none`, or
 * `number_two_ways` for one whose mark parts thousands in this language, such as 1.500 on a Vietnamese page.
 * @param {string} text
 * @param {string} lang
 * @returns {number | "number_none" | "number_two_ways"}
 */
export function typedNumber(text, lang) {
  const plain = text.trim().replaceAll("−", "-"), value = Number(plain.replace(",", "."));
  if (!/^[-+]?(\d+[.,]?\d*|[.,]\d+)(e[-+]?\d+)?$/i.test(plain) || !Number.isFinite(value)) return "number_none";
  return (lang === "vi" ? /^\D?[1-9]\d{0,2}\.\d{3}$/ : /^\D?[1-9]\d{0,2},\d{3}$/).test(plain) ? "number_two_ways" : value;
}
