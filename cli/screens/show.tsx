// Opens the full screen on the alternate buffer, and gives the shell back as it was, with what happened below the prompt.
import { render } from 'ink';
import { App, type AppProps } from './app.tsx';

/** Resolves when the person leaves or the signal is aborted. */
export async function showApp(props: AppProps, signal: AbortSignal): Promise<void> {
  const app = render(<App {...props} />, {
    alternateScreen: true,
    exitOnCtrlC: false,
    patchConsole: false,
    incrementalRendering: true,
    maxFps: 10,
  });
  const leave = (): void => app.unmount();
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  await app.waitUntilExit();
  signal.removeEventListener('abort', leave);
}
