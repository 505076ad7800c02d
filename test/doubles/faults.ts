// What can go wrong with a server, ordered by a test: each fault is for one path (by its ending),
// used up in the order given, once unless `times` says otherwise.
import type { IncomingMessage, ServerResponse } from 'node:http';

export type BodyFault =
  | { readonly type: 'Cut'; readonly afterBytes: number }
  | { readonly type: 'Stall'; readonly afterBytes: number; readonly reached: () => void }
  /** Nothing of the body is sent before that. */
  | { readonly type: 'Held'; readonly until: Promise<void> }
  | { readonly type: 'Corrupt' }
  | { readonly type: 'IgnoreRange' };

/**
 * While something is written: the connection ends in its middle, or when all is done and before it
 * is said.
 */
export type WriteFault =
  | { readonly type: 'CutBody'; readonly afterBytes: number }
  | { readonly type: 'LoseAnswer' };

export type Fault =
  | BodyFault
  | WriteFault
  | {
      readonly type: 'Status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly type: 'Reset' }
  /** Answered as ever, but not before that. */
  | { readonly type: 'Delayed'; readonly until: Promise<void> }
  | { readonly type: 'Silence'; readonly reached: () => void };

interface Planned {
  readonly ending: string;
  readonly fault: Fault;
  times: number;
}

export class Faults {
  readonly #planned: Planned[] = [];

  /** `ending` '' means every path. */
  plan(ending: string, fault: Fault, times = 1): void {
    this.#planned.push({ ending, fault, times });
  }

  /** Whether something that was ordered for this ending has not happened yet. */
  isPlanned(ending: string): boolean {
    return this.#planned.some((each) => each.ending === ending && each.times > 0);
  }

  forBody(path: string): BodyFault | undefined {
    const found = this.#take(path, ({ type }) => bodyTypes.has(type));
    return found as BodyFault | undefined; // chosen by its type just above
  }

  forWrite(path: string): WriteFault | undefined {
    const found = this.#take(path, ({ type }) => writeTypes.has(type));
    return found as WriteFault | undefined; // chosen by its type just above
  }

  /** True when the request was answered, or will never be. */
  async interfere(path: string, request: IncomingMessage, response: ServerResponse) {
    const fault = this.#take(path, ({ type }) => !bodyTypes.has(type) && !writeTypes.has(type));
    if (!fault) return false;
    if (fault.type === 'Delayed') {
      await fault.until;
      return false;
    }
    if (fault.type === 'Status') {
      request.resume();
      response.writeHead(fault.status, fault.headers).end();
    } else if (fault.type === 'Silence') fault.reached();
    else request.socket.resetAndDestroy();
    return true;
  }

  #take(path: string, fits: (fault: Fault) => boolean): Fault | undefined {
    const found = this.#planned.find(
      ({ ending, fault, times }) => times > 0 && path.endsWith(ending) && fits(fault),
    );
    if (found) found.times -= 1;
    return found?.fault;
  }
}

const bodyTypes: ReadonlySet<string> = new Set(['Cut', 'Stall', 'Held', 'Corrupt', 'IgnoreRange']);
const writeTypes: ReadonlySet<string> = new Set(['CutBody', 'LoseAnswer']);
