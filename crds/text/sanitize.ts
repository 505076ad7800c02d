/**
 * Removes control characters that move the cursor or change the terminal: text from elsewhere is
 * shown, never interpreted.
 */
export function sanitize(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, '');
}

/**
 * In double quotes, with every character escaped that a terminal would obey or not show: JSON by
 * itself leaves those above 0x7e, among them one that begins a command, and those that turn the
 * direction of writing.
 */
export function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
