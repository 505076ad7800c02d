// Mark and colour of the state of a server of adapters: those of the phase of a job that means the
// same, where there is one. The word carries the meaning.
import type { ServerState } from '../jobs/server-state.ts';
import { type Style, styleOf } from '../terminal/palette.ts';

const styles: Readonly<Record<ServerState, Style>> = {
  Pending: styleOf('Pending'),
  Unreadable: { glyph: '?', dim: true },
  Refused: styleOf('Failed'),
  Stopped: styleOf('Suspended'),
  Starting: styleOf('Starting'),
  Failing: styleOf('Failed'),
  Degraded: { glyph: '▲', color: 'yellow', bold: true },
  Updating: styleOf('Resizing'),
  Loading: styleOf('Starting'),
  Serving: styleOf('Running'),
  Deleting: styleOf('Suspending'),
};

export function styleOfServer(state: ServerState): Style {
  return styles[state];
}
