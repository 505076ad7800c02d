// The devices of a cluster, by the labels that NVIDIA's feature discovery writes on nodes. Labels
// are anybody's to write: one that cannot be the memory of a device counts as absent.

/** Extended resource of whole NVIDIA devices. */
export const usualDeviceResource = 'nvidia.com/gpu';

/** Memory in MiB: `nvidia.com/gpu.memory`, or `nvidia.com/mig-1g.10gb.memory` of instances. */
export function memoryLabelOf(resourceName: string): string {
  return `${resourceName}.memory`;
}

interface NodeFacts {
  readonly labels: Readonly<Record<string, string>>;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** Devices of one product and one size. */
export interface DeviceKind {
  /** As it is sold, `NVIDIA H100 80GB HBM3`. */
  readonly product: string | undefined;
  /** Of each, as the label tells; undefined where no label does. */
  readonly bytes: number | undefined;
  readonly nodes: number;
  readonly devices: number;
}

const mib = 2 ** 20;
const largestMib = 16 * 2 ** 20;
const mostDevices = 1024;

/** Of the memory that nvidia-smi and labels of nodes tell, the driver reserves about this much. */
const driverBytes = 2 ** 30;

/** Memory that programs can use of what a card has. */
export function usableBytes(total: number): number {
  return Math.max(0, total - driverBytes);
}

/** Undefined where the node has none of this resource. */
export function devicesOfNode(node: NodeFacts, resourceName: string): DeviceKind | undefined {
  const devices = wholeNumber(node.allocatable[resourceName], mostDevices);
  if (devices === undefined) return undefined;
  const memory = wholeNumber(node.labels[memoryLabelOf(resourceName)], largestMib);
  return {
    product: node.labels[`${resourceName}.product`]?.replaceAll('-', ' '),
    bytes: memory === undefined ? undefined : memory * mib,
    ...{ nodes: 1, devices },
  };
}

/** Largest first, those of unknown memory last. A product without memory has that of its like. */
export function deviceKinds(nodes: Iterable<NodeFacts>, resourceName: string) {
  const kinds: DeviceKind[] = [];
  for (const node of nodes) {
    const found = devicesOfNode(node, resourceName);
    if (found === undefined) continue;
    const at = kinds.findIndex(
      ({ product, bytes }) => product === found.product && bytes === found.bytes,
    );
    const before = kinds[at];
    if (before === undefined) kinds.push(found);
    else kinds[at] = together(before, found);
  }
  return withLikes(kinds).toSorted((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0));
}

function withLikes(kinds: readonly DeviceKind[]): readonly DeviceKind[] {
  const joined: DeviceKind[] = kinds.filter(({ bytes }) => bytes !== undefined);
  for (const kind of kinds.filter(({ bytes }) => bytes === undefined)) {
    const likes = joined.filter(({ product }) => product !== undefined && product === kind.product);
    const [like] = likes;
    if (like === undefined || likes.length > 1) joined.push(kind);
    else joined[joined.indexOf(like)] = together(like, kind);
  }
  return joined;
}

function together(kind: DeviceKind, more: DeviceKind): DeviceKind {
  return { ...kind, nodes: kind.nodes + more.nodes, devices: kind.devices + more.devices };
}

function wholeNumber(text: string | undefined, most: number): number | undefined {
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value > 0 && value <= most ? value : undefined;
}
