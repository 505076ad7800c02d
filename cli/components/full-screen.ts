// The alternate buffer of the terminal: one picture that keys change, and the shell as it was
// behind it.
import { render } from 'ink';
import type { ReactNode } from 'react';

/**
 * What comes is drawn ten times a second at most, which live.ts sees to; a key is answered sooner.
 */
const mostFps = 30;

/** Resolves when the person leaves or the signal is aborted. */
export async function showFullScreen(picture: ReactNode, signal: AbortSignal): Promise<void> {
  const app = render(picture, {
    alternateScreen: true,
    exitOnCtrlC: false,
    patchConsole: false,
    incrementalRendering: true,
    maxFps: mostFps,
  });
  const leave = (): void => app.unmount();
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  await app.waitUntilExit();
  signal.removeEventListener('abort', leave);
}
