/**
 * Removes control characters that move the cursor or change the terminal: text from elsewhere is
 * shown, never interpreted.
 */
export function sanitize(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, '');
}
