/** `4h`, `35m`, `12s`, `3d`: an age as kubectl prints it. */
export function ageOf(since: string, now: Date): string {
  const ms = now.getTime() - Date.parse(since);
  if (Number.isNaN(ms)) return '–';
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `90 seconds`, `12 minutes`, `3 hours`: an age within a sentence. */
export function ageInWords(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, Math.floor(seconds))} seconds`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} minutes`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} hours`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** `14:38:07` in local time. */
export function clockText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
