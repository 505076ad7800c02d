// Reads what `nvidia-smi` prints of the GPUs of a machine. It is text of a foreign program: what
// has another form than expected is counted and left out.
import { sanitize } from '../text/sanitize.ts';

export interface Card {
  /** In the order of the PCI bus. */
  readonly index: number;
  readonly uuid: string;
  readonly name: string;
  /** Undefined where the driver does not tell, or CUDA sees only a part of the card. */
  readonly bytes: number | undefined;
  readonly driver: string;
  /** Compute capability, `9.0`. */
  readonly capability: string;
  /** Divided into instances (MIG): a process sees one of them. */
  readonly isDivided: boolean;
}

/** The name comes last, since it alone may contain a comma. */
const fields = [
  ...['index', 'uuid', 'memory.total', 'driver_version', 'compute_cap'],
  ...['mig.mode.current', 'name'],
];

export const cardQuery: readonly string[] = [
  `--query-gpu=${fields.join(',')}`,
  '--format=csv,noheader',
];

/** Device names have at most two digits. */
export const mostCards = 100;
const longestName = 80;
const mib = 2 ** 20;

interface ReadCards {
  readonly cards: readonly Card[];
  /** Lines that describe no GPU. */
  readonly unread: number;
}

export function readCards(text: string): ReadCards {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const read = lines.map(cardOf).filter((card) => card !== undefined);
  const cards = read
    .filter(({ index }, at) => read.findIndex((other) => other.index === index) === at)
    .toSorted((a, b) => a.index - b.index);
  return { cards, unread: lines.length - cards.length };
}

function cardOf(line: string): Card | undefined {
  const [index = '', uuid = '', memory = '', driver = '', capability = '', mig = '', ...rest] = line
    .split(',')
    .map((field) => sanitize(field).trim());
  const name = rest.join(', ').slice(0, longestName);
  const isDivided = mig === 'Enabled';
  const isCard =
    /^\d{1,2}$/.test(index) &&
    /^GPU-[-0-9a-f]{8,64}$/i.test(uuid) &&
    /^\d{1,5}(\.\d{1,5}){1,3}$/.test(driver) &&
    /^\d{1,2}\.\d$/.test(capability) &&
    name !== '';
  if (!isCard) return undefined;
  const bytes = isDivided ? undefined : bytesOf(memory);
  return { index: Number(index), uuid, name, bytes, driver, capability, isDivided };
}

/** Cards that share the memory of the host print `[N/A]`. */
function bytesOf(text: string): number | undefined {
  const [, amount] = /^(\d{1,9}) MiB$/.exec(text) ?? [];
  return amount === undefined || Number(amount) === 0 ? undefined : Number(amount) * mib;
}
