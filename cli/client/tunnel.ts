// A local port that forwards to a port of a pod through the API server: for the bus, which is
// inside the cluster. Each connection opens a new stream, so a reconnect finds a pod that is ready
// then.
import { createServer, type Server, type Socket } from 'node:net';
import type { Kube } from './kube.ts';
import { openPodStream } from './pod-stream.ts';

export interface Tunnel extends AsyncDisposable {
  readonly port: number;
}

/** Selects the pod for each connection. */
type FindPod = () => Promise<{ readonly namespace: string; readonly name: string }>;

export async function openTunnel(kube: Kube, find: FindPod, remotePort: number): Promise<Tunnel> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy()); // the client sees the closed socket
    connect(kube, find, remotePort, socket).catch(() => socket.destroy());
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

async function connect(kube: Kube, find: FindPod, port: number, socket: Socket): Promise<void> {
  await openPodStream(kube.access, { ...(await find()), port }, socket);
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
