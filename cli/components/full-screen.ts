// The alternate buffer of the terminal: a screen that keys change. The shell is as before when it
// closes.
import { render } from 'ink';
import type { ReactNode } from 'react';

/**
 * live.ts draws messages ten times a second at most; the answer to a key must not wait that long.
 */
const mostFps = 30;

/** Resolves when the user quits or the signal is aborted. */
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
