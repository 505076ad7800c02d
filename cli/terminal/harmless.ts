/**
 * Without characters that move a cursor or change a terminal: what others wrote is shown, never
 * obeyed.
 */
export function harmless(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, '');
}
