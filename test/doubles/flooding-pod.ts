// A pod that sends as fast as it can, in a thread of its own; how many messages that were, when it
// is told to stop.
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { connect, tokenAuthenticator } from 'nats';

export interface Flood {
  readonly url: string;
  readonly connections: readonly {
    readonly token: string;
    readonly inbox: string;
    /** Sent to in turn, each with the body of its place. */
    readonly subjects: readonly string[];
  }[];
}

/** Bodies by place; now and then a large one. */
const bodies: readonly (string | Uint8Array)[] = ['{}', '{}', new Uint8Array(8_000)];

export function startFlood(flood: Flood) {
  const thread = new Worker(new URL(import.meta.url), { workerData: flood });
  return {
    async stop(): Promise<number> {
      const told = once(thread, 'message');
      thread.postMessage('stop');
      const [sent] = await told;
      await thread.terminate();
      return Number(sent);
    },
  };
}

if (parentPort !== null && workerData !== null) await run(workerData as Flood);

async function run({ url, connections }: Flood): Promise<void> {
  const stop = new AbortController();
  parentPort?.once('message', () => stop.abort());
  const counts = await Promise.all(
    connections.map(async ({ token, inbox, subjects }) => {
      const authenticator = tokenAuthenticator(token);
      const pod = await connect({ servers: url, authenticator, inboxPrefix: inbox });
      let sent = 0;
      while (!stop.signal.aborted) {
        for (let round = 0; round < 200; round += 1)
          for (const [place, subject] of subjects.entries()) {
            pod.publish(subject, bodies[place] ?? '', { reply: `${inbox}.x` });
            sent += 1;
          }
        await pod.flush();
      }
      await pod.close();
      return sent;
    }),
  );
  parentPort?.postMessage(counts.reduce((sum, one) => sum + one, 0));
}
