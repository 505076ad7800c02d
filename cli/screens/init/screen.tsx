// The wizard: the question at the left, the manifest as it grows at the right, what it needs below. In a narrow window the manifest is below
// the question. Everything is a word; the bar repeats it.
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { ends, Line, type Look, Rule } from '../../components/line.tsx';
import { type Drafted, shownLines } from '../../init/draft.ts';
import { asked, type Found, other } from '../../init/questions.ts';
import { chosenOn, numberOf, optionsOn, type Wizard } from '../../init/wizard.ts';
import { bytes } from '../../terminal/numbers.ts';
import { bar } from '../../terminal/plot.ts';
import { wrap } from '../../terminal/wrap.ts';

interface WizardProps {
  readonly look: Look;
  readonly wizard: Wizard;
  readonly found: Found;
  readonly drafted: Drafted;
  /** What is known of a cluster, in a line. */
  readonly cluster: string;
}

export function WizardScreen(props: WizardProps): ReactNode {
  const { look, wizard } = props;
  const wide = look.columns >= 100;
  const half = { ...look, columns: Math.floor((look.columns - 1) / 2) };
  const right = { ...look, columns: look.columns - 1 - half.columns };
  const { number, of } = numberOf(wizard);
  const step = wizard.page === 'file' ? 'the file' : `question ${number} of ${of}`;
  const question = askedLines({ ...props, look: wide ? half : look });
  // Head, rule, estimate and keys have a row each, and so has the rule above the manifest.
  const room = look.rows - 5 - (wide ? 0 : question.length);
  return (
    <Box flexDirection="column" height={look.rows} width={look.columns} overflow="hidden">
      <Line look={look} style={{ bold: true }}>
        {ends(wide ? 'anneal init · a job file to begin with' : 'anneal init', step, look.columns)}
      </Line>
      <Rule look={look} title="" />
      <Box flexGrow={1} flexDirection={wide ? 'row' : 'column'}>
        <Box flexDirection="column" width={wide ? half.columns : look.columns} flexShrink={0}>
          {question.map(({ key, text, style }) => (
            <Line key={key} look={look} style={style}>
              {text}
            </Line>
          ))}
        </Box>
        <Box flexDirection="column" marginLeft={wide ? 1 : 0}>
          {room < 2 ? null : <Manifest {...props} look={wide ? right : look} room={room} />}
        </Box>
      </Box>
      <Estimate {...props} />
      <Line
        look={look}
        style={wizard.said === '' ? { dim: true } : { color: 'yellow', bold: true }}
      >
        {wizard.said === '' ? keysText(wizard, look) : wizard.said}
      </Line>
    </Box>
  );
}

function keysText({ page, typing }: Wizard, { columns }: Look): string {
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

function askedLines({ look, wizard, found, drafted, cluster }: WizardProps): readonly AskedLine[] {
  const { page } = wizard;
  const seen = { found, needs: drafted.needs };
  const options = optionsOn(page, seen, wizard);
  const chosen = chosenOn(page, seen, wizard);
  const title = page === 'file' ? 'Where is it written?' : asked[page];
  const rows = options.map(({ id, label }, index): AskedLine => {
    const isChosen = id === chosen?.id;
    const name = id === other ? typedLabel(label, wizard, isChosen) : label;
    const text = `${isChosen ? '▸' : ' '} ${index + 1} ${name}`;
    const word = index === 0 && page !== 'file' ? ' (recommended)' : '';
    const fits = text.length + word.length <= look.columns;
    return { key: id, text: fits ? text + word : text, style: isChosen ? { bold: true } : {} };
  });
  const why = [
    ...wrap(chosen?.why ?? '', look.columns - 2),
    ...(page === 'device' && cluster !== '' ? wrap(cluster, look.columns - 2) : []),
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

/** The lines around the newest ones, where the window is too low for all. */
function Manifest({
  look,
  wizard,
  drafted,
  room,
}: WizardProps & { readonly room: number }): ReactNode {
  const lines = shownLines(wizard, drafted);
  const last = lines.findLastIndex(({ isNew }) => isNew);
  const from = Math.max(0, Math.min(lines.length - room, last + 2 - room));
  return (
    <>
      <Rule look={look} title={wizard.page === 'file' ? 'the job file' : 'the job file so far'} />
      {lines.slice(from, from + room).map(({ text, isNew }, index) => (
        // Lines of a text have no identity beyond their place.
        // biome-ignore lint/suspicious/noArrayIndexKey: the text grows
        <Line key={from + index} look={look} style={isNew ? { bold: true } : { dim: true }}>
          {text}
        </Line>
      ))}
    </>
  );
}

function Estimate({ look, drafted }: WizardProps): ReactNode {
  const { plan, device } = drafted;
  if (plan === undefined || device === undefined) {
    return <Line look={look}>{`memory ${unknownWords(drafted)}`}</Line>;
  }
  const { peak, limit, fits } = plan.memory;
  const verdict = fits ? 'fits' : 'does not fit';
  const words = `${bytes(peak)} of ${bytes(limit)} · ${verdict}`;
  const style = fits ? {} : ({ color: 'red', bold: true } as const);
  if (look.columns < 60) {
    return <Line look={look} style={style}>{`memory ${words}`}</Line>;
  }
  const where = ` · ${device.device.name}`;
  const width = Math.max(8, Math.min(40, look.columns - words.length - where.length - 9));
  return (
    <Line look={look} style={style}>
      {`memory ${bar(Math.min(1, peak / limit), width, look.glyphs)} ${words}${where}`}
    </Line>
  );
}

function unknownWords({ described, device, place }: Drafted): string {
  if (place === undefined) return 'is told once a model is chosen';
  if (described?.type === 'Asking') return 'is told in a moment: reading what the model is';
  if (described?.type === 'Unknown') return `is not known: ${described.why}`;
  if (device?.device.memory.bytes === 0) return 'is not known: nobody says how much the GPU has';
  return 'is not known';
}
