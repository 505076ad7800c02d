// Networks in CIDR notation, parsed like the API server does (Go's netip): no leading zeros, no
// zone, no IPv4-mapped IPv6.
interface Cidr {
  /** Length of an address: 32 or 128. */
  readonly bits: 32 | 128;
  readonly address: bigint;
  readonly prefix: number;
}

/**
 * Metadata services, where clouds give a pod the permissions of its node, and other link-local
 * networks. Never addresses of a job's own services.
 */
export const closedNetworks = [
  // Link-local: the metadata service of AWS, Google, Azure, Oracle, OpenStack and others is
  // 169.254.169.254.
  '169.254.0.0/16',
  // Alibaba.
  '100.100.100.200/32',
  // The host agent of Azure, which hands out configuration and certificates of the node.
  '168.63.129.16/32',
  // Link-local; OpenStack answers on fe80::a9fe:a9fe.
  'fe80::/10',
  // AWS: fd00:ec2::254 and its neighbours. Google. Oracle.
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  'fd00:c1::a9fe:a9fe/128',
] as const;

export function parseCidr(text: string): Cidr | undefined {
  const [, host = '', digits = ''] = /^([0-9a-fA-F.:]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? [];
  const isFour = !host.includes(':');
  const address = isFour ? fourOf(host) : sixOf(host);
  const bits = isFour ? 32 : 128;
  if (address === undefined || Number(digits) > bits) return undefined;
  return { bits, address, prefix: Number(digits) };
}

/** Whether every address of `inner` is in `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  if (outer.bits !== inner.bits || inner.prefix < outer.prefix) return false;
  const shift = BigInt(outer.bits - outer.prefix);
  return outer.address >> shift === inner.address >> shift;
}

/** Whether it is completely closed: no address is left without the closed networks. */
export function isClosed(cidr: Cidr): boolean {
  return closed.some(({ network }) => contains(network, cidr));
}

/** Closed networks inside it. */
export function closedWithin(cidr: Cidr): readonly string[] {
  return closed
    .filter(({ network }) => contains(cidr, network) && !contains(network, cidr))
    .map(({ text }) => text);
}

function fourOf(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  if (!parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

const mapped = 0xffffn;

function sixOf(text: string): bigint | undefined {
  const groups = groupsOf(text);
  if (groups === undefined) return undefined;
  const address = groups.reduce((sum, group) => (sum << 16n) | group, 0n);
  return address >> 32n === mapped ? undefined : address;
}

/** Eight groups of 16 bits; `::` is as many zeros as are missing, an IPv4 suffix is two groups. */
function groupsOf(text: string): readonly bigint[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [before, after] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const left = hexGroups(before ?? [], after === undefined);
  const right = after === undefined ? [] : hexGroups(after, true);
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (after === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...left, ...Array.from({ length: missing }, () => 0n), ...right];
}

function hexGroups(parts: readonly string[], isEnd: boolean): readonly bigint[] | undefined {
  const groups: bigint[] = [];
  for (const [index, part] of parts.entries()) {
    const four = isEnd && index === parts.length - 1 ? fourOf(part) : undefined;
    if (four !== undefined) groups.push(four >> 16n, four & 0xffffn);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}

const closed = closedNetworks.map((text) => {
  const network = parseCidr(text);
  if (network === undefined) throw new Error(`${text} is not a network`);
  return { text, network };
});
