// A page that could not be shown just now: asks until it can be, and shows it then.
const EVERY_MS = 3000, JUST_NOW = [429, 503];

setInterval(async () => {
  const answer = await fetch(location.href).catch(() => null);
  if (answer !== null && !JUST_NOW.includes(answer.status)) location.reload();
}, EVERY_MS);
export {};
