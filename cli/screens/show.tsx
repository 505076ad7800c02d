// Opens the full screen on the alternate buffer, and restores the shell with a summary below the
// prompt.

import { showFullScreen } from '../components/full-screen.ts';
import { App, type AppProps } from './app.tsx';

/** Resolves when the user quits or the signal is aborted. */
export async function showApp(props: AppProps, signal: AbortSignal): Promise<void> {
  await showFullScreen(<App {...props} />, signal);
}
