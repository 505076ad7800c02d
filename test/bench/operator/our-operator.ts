// The operator as it ships: compiled, with its own packages, with the heap that Node.js gives it in
// a container of the chart's limit, and with a bus beside it.
import { join } from 'node:path';
import { assemble } from '../../../charts/images/assemble.ts';
import { freePort } from '../../../cli/client/free-port.ts';
import { launchOperator, type RunningOperator } from '../../cluster/running-operator.ts';
import { NatsServer } from '../../doubles/nats-server.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

/**
 * Half of `operator.resources.limits.memory`, as V8 divides the memory of a machine with 64-bit
 * pointers.
 */
const heapMiB = 384;

export interface OurOperator extends AsyncDisposable {
  readonly port: number;
  stop(): Promise<void>;
  /** Another one, whose caches are empty. */
  start(): Promise<void>;
}

/** In charge of one namespace. */
export async function openOperator(namespace: string): Promise<OurOperator> {
  const folder = await temporaryFolder();
  await assemble('operator', folder.path);
  const nats = await NatsServer.start();
  const program = join(folder.path, 'app/operator/main.js');
  const env = {
    ...{ ANNEAL_LOG_LEVEL: 'warn', ANNEAL_NATS_URL: nats.url, NODE_ENV: 'production' },
    ANNEAL_NAMESPACES: namespace,
    NODE_OPTIONS: `--max-old-space-size=${heapMiB}`,
  };
  // Its log, which would tell the port that the system chose, has warnings alone.
  const launch = async (): Promise<RunningOperator> => {
    const port = String(await freePort('::'));
    return launchOperator(namespace, { ...env, ANNEAL_HEALTH_PORT: port }, program);
  };
  let running = await launch();
  return {
    get port() {
      return running.port;
    },
    stop: () => running.stop(),
    async start() {
      running = await launch();
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      await nats[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
