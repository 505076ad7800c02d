// A port of this machine that leads to a port of a pod, through the API server: for the bus, which lives inside of the cluster. A new
// connection here is a new stream there, so a reconnect of the bus finds whatever pod is ready then.
import { createServer, type Server, type Socket } from 'node:net';
import { PortForward } from '@kubernetes/client-node';
import type { Kube } from './kube.ts';

export interface Tunnel extends AsyncDisposable {
  readonly port: number;
}

/** Finds the pod anew for each connection. */
type FindPod = () => Promise<{ readonly namespace: string; readonly name: string }>;

export async function openTunnel(kube: Kube, find: FindPod, remotePort: number): Promise<Tunnel> {
  const forward = new PortForward(kube.config, true);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy()); // whoever connected sees that it is closed
    connect(forward, find, remotePort, socket).catch(() => socket.destroy());
  });
  const port = await listen(server);
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function connect(
  forward: PortForward,
  find: FindPod,
  port: number,
  socket: Socket,
): Promise<void> {
  const { namespace, name } = await find();
  const opened = await forward.portForward(namespace, name, [port], socket, null, socket);
  const stream = typeof opened === 'function' ? opened() : opened;
  if (stream === null) {
    socket.destroy();
    return;
  }
  stream.onclose = () => void socket.destroy();
  socket.on('close', () => stream.close());
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
