// One connection to a port of a pod, as `kubectl port-forward` opens it: a web socket to the API
// server whose messages begin with a channel number. Channel 0 carries the bytes, channel 1 error
// text; the first message of each contains the port number.
import type { Socket } from 'node:net';
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import type { KubeAccess } from './kubeconfig.ts';

interface PodPort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

const dataChannel = 0;
const errorChannel = 1;
const portBytes = 2;

/** Connects a local socket with the port; when one ends, so does the other. */
export async function openPodStream(
  access: KubeAccess,
  { namespace, name, port }: PodPort,
  socket: Socket,
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/portforward?ports=${port}`;
  const begun = new Set<number>();
  const take = (channel: number, message: Buffer): boolean => {
    const bytes = begun.has(channel) ? message : message.subarray(portBytes);
    begun.add(channel);
    if (channel === errorChannel && bytes.length > 0) {
      socket.destroy();
      return false;
    }
    if (channel === dataChannel) socket.write(bytes);
    return true;
  };
  const stream = await handlerOf(access).connect(path, null, take);
  stream.onclose = () => void socket.destroy();
  socket.on('close', () => stream.close());
  socket.on('data', (bytes) => stream.send(Buffer.concat([Buffer.of(dataChannel), bytes])));
}

/** The handler needs only two methods of the official client's configuration. */
function handlerOf({ server, authorize }: KubeAccess): WebSocketHandler {
  const config = {
    getCurrentCluster: () => ({ server }),
    async applyToHTTPSOptions(options: object) {
      Object.assign(options, await authorize());
    },
  };
  return new WebSocketHandler(
    config as unknown as ConstructorParameters<typeof WebSocketHandler>[0],
  );
}
