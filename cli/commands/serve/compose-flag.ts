// `--compose name=adapter:weight,adapter:weight,mode=…,span=…`
import { InvalidArgumentError } from 'commander';
import { type ComposeMode, composeModes, mostSpan } from '../../../crds/names/compose-modes.ts';
import { servedNamePattern } from '../../../crds/names/served-names.ts';
import { quoted } from '../../../crds/text/sanitize.ts';

interface AskedPart {
  readonly adapter: string;
  readonly weight?: number;
}

export interface AskedComposition {
  readonly name: string;
  readonly mode: ComposeMode;
  readonly parts: readonly AskedPart[];
  readonly span?: number;
}

const whole = new RegExp(`^(${servedNamePattern})=(.+)$`);
const setting = /^(mode|span)=(.*)$/;
const part = new RegExp(
  `^(${servedNamePattern})(?::([+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?))?$`,
  'i',
);

/** Repeatable. */
export function composition(
  text: string,
  before: readonly AskedComposition[] = [],
): readonly AskedComposition[] {
  const [, own, rest] = whole.exec(text) ?? [];
  if (own === undefined || rest === undefined) {
    throw new InvalidArgumentError('it must be name=adapter:weight,adapter:weight');
  }
  const items = rest.split(',');
  const settings = items.flatMap((item) => {
    const [, key, value] = setting.exec(item) ?? [];
    return key === undefined || value === undefined ? [] : [{ key, value }];
  });
  const only = (asked: string): string | undefined => {
    const found = settings.filter(({ key }) => key === asked);
    if (found.length > 1) throw new InvalidArgumentError(`it has ${asked}= twice`);
    return found[0]?.value;
  };
  const span = spanOf(only('span'));
  return [
    ...before,
    {
      ...{ name: own, mode: modeOf(only('mode')) },
      parts: items.filter((item) => !setting.test(item)).map(partOf),
      ...(span === undefined ? {} : { span }),
    },
  ];
}

function modeOf(text = 'merge'): ComposeMode {
  const found = composeModes.find((mode) => mode === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`its mode must be one of ${composeModes.join(', ')}`);
}

function spanOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text) && Number(text) <= mostSpan) return Number(text);
  throw new InvalidArgumentError(`its span must be a whole number from 1 to ${mostSpan}`);
}

function partOf(item: string): AskedPart {
  const [, adapter, weight] = part.exec(item) ?? [];
  if (adapter === undefined) {
    throw new InvalidArgumentError(
      `its part ${quoted(item)} must be the name of an adapter, or name:weight with a finite number`,
    );
  }
  return { adapter, ...(weight === undefined ? {} : { weight: Number(weight) }) };
}
