// The wizard: the question on the left, the growing manifest on the right, its memory below. In a
// narrow window the manifest is below the question. Words carry the meaning; the bar repeats it.
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type Display, ends, Line, Rule } from '../../components/line.tsx';
import { type Drafted, shownLines } from '../../init/draft.ts';
import { asked, type Found, other } from '../../init/questions.ts';
import { chosenOn, numberOf, optionsOn, type Wizard } from '../../init/wizard.ts';
import { bytes } from '../../terminal/numbers.ts';
import { bar } from '../../terminal/plot.ts';
import { wrap } from '../../terminal/wrap.ts';

interface WizardProps {
  readonly display: Display;
  readonly wizard: Wizard;
  readonly found: Found;
  readonly drafted: Drafted;
  /** The state of the cluster, in one line. */
  readonly cluster: string;
}

export function WizardScreen(props: WizardProps): ReactNode {
  const { display, wizard } = props;
  const wide = display.columns >= 100;
  const half = { ...display, columns: Math.floor((display.columns - 1) / 2) };
  const right = { ...display, columns: display.columns - 1 - half.columns };
  const { number, of } = numberOf(wizard);
  const step = wizard.page === 'file' ? 'the file' : `question ${number} of ${of}`;
  const question = askedLines({ ...props, display: wide ? half : display });
  // One row each for title, rule, estimate and keys, and for the rule above the manifest.
  const room = display.rows - 5 - (wide ? 0 : question.length);
  return (
    <Box flexDirection="column" height={display.rows} width={display.columns} overflow="hidden">
      <Line display={display} style={{ bold: true }}>
        {ends(wide ? 'anneal init · a first job file' : 'anneal init', step, display.columns)}
      </Line>
      <Rule display={display} title="" />
      <Box flexGrow={1} flexDirection={wide ? 'row' : 'column'}>
        <Box flexDirection="column" width={wide ? half.columns : display.columns} flexShrink={0}>
          {question.map(({ key, text, style }) => (
            <Line key={key} display={display} style={style}>
              {text}
            </Line>
          ))}
        </Box>
        <Box flexDirection="column" marginLeft={wide ? 1 : 0}>
          {room < 2 ? null : <Manifest {...props} display={wide ? right : display} room={room} />}
        </Box>
      </Box>
      <Estimate {...props} />
      <Line
        display={display}
        style={wizard.said === '' ? { dim: true } : { color: 'yellow', bold: true }}
      >
        {wizard.said === '' ? keysText(wizard, display) : wizard.said}
      </Line>
    </Box>
  );
}

function keysText({ page, typing }: Wizard, { columns }: Display): string {
  const enter = page === 'file' ? 'enter write' : 'enter next';
  const words = typing
    ? [enter, 'esc back to the list', 'ctrl-c leave']
    : [enter, 'esc back', 'up down choose', '1-9 take', 'ctrl-c leave'];
  return words.slice(0, columns < 60 ? 2 : words.length).join(' · ');
}

interface AskedLine {
  readonly key: string;
  readonly text: string;
  readonly style: { readonly bold?: boolean; readonly dim?: boolean };
}

function askedLines({
  display,
  wizard,
  found,
  drafted,
  cluster,
}: WizardProps): readonly AskedLine[] {
  const { page } = wizard;
  const seen = { found, needs: drafted.needs };
  const options = optionsOn(page, seen, wizard);
  const chosen = chosenOn(page, seen, wizard);
  const title = page === 'file' ? 'Which file is it written to?' : asked[page];
  const rows = options.map(({ id, label }, index): AskedLine => {
    const isChosen = id === chosen?.id;
    const name = id === other ? typedLabel(label, wizard, isChosen) : label;
    const text = `${isChosen ? '▸' : ' '} ${index + 1} ${name}`;
    const word = index === 0 && page !== 'file' ? ' (recommended)' : '';
    const fits = text.length + word.length <= display.columns;
    return { key: id, text: fits ? text + word : text, style: isChosen ? { bold: true } : {} };
  });
  const why = [
    ...wrap(chosen?.why ?? '', display.columns - 2),
    ...(page === 'device' && cluster !== '' ? wrap(cluster, display.columns - 2) : []),
  ];
  return [
    { key: 'title', text: title, style: { bold: true } },
    ...rows,
    ...why.map((line): AskedLine => ({ key: line, text: `  ${line}`, style: { dim: true } })),
  ];
}

function typedLabel(label: string, { page, typed, typing }: Wizard, isChosen: boolean): string {
  const text = page === 'model' || page === 'data' || page === 'file' ? typed[page] : '';
  if (text === '' && !typing) return label;
  return `${label}: ${text}${typing && isChosen ? '▏' : ''}`;
}

/** The lines around the newest ones, if the window is too low for all. */
function Manifest({
  display,
  wizard,
  drafted,
  room,
}: WizardProps & { readonly room: number }): ReactNode {
  const lines = shownLines(wizard, drafted);
  const last = lines.findLastIndex(({ isNew }) => isNew);
  const from = Math.max(0, Math.min(lines.length - room, last + 2 - room));
  return (
    <>
      <Rule
        display={display}
        title={wizard.page === 'file' ? 'the job file' : 'the job file so far'}
      />
      {lines.slice(from, from + room).map(({ text, isNew }, index) => (
        // Lines have no identity other than their index.
        // biome-ignore lint/suspicious/noArrayIndexKey: the text grows
        <Line key={from + index} display={display} style={isNew ? { bold: true } : { dim: true }}>
          {text}
        </Line>
      ))}
    </>
  );
}

function Estimate({ display, drafted }: WizardProps): ReactNode {
  const { plan, device } = drafted;
  if (plan === undefined || device === undefined) {
    return <Line display={display}>{`memory ${unknownWords(drafted)}`}</Line>;
  }
  const { peak, limit, fits } = plan.memory;
  const verdict = fits ? 'fits' : 'does not fit';
  const words = `${bytes(peak)} of ${bytes(limit)} · ${verdict}`;
  const style = fits ? {} : ({ color: 'red', bold: true } as const);
  if (display.columns < 60) {
    return <Line display={display} style={style}>{`memory ${words}`}</Line>;
  }
  const where = ` · ${device.device.name}`;
  const width = Math.max(8, Math.min(40, display.columns - words.length - where.length - 9));
  return (
    <Line display={display} style={style}>
      {`memory ${bar(Math.min(1, peak / limit), width, display.glyphs)} ${words}${where}`}
    </Line>
  );
}

function unknownWords({ described, device, source }: Drafted): string {
  if (source === undefined) return 'is shown once a model is chosen';
  if (described?.type === 'Asking') return 'is shown in a moment: reading the model';
  if (described?.type === 'Unknown') return `is unknown: ${described.why}`;
  if (device?.device.memory.bytes === 0) return 'is unknown: the memory of the GPU is not known';
  return 'is unknown';
}
