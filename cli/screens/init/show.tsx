// Opens the wizard on the alternate buffer; resolves with the file name and its text, or with
// nothing when the user quits.
import { useApp, useInput, useWindowSize } from 'ink';
import { type ReactNode, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { showFullScreen } from '../../components/full-screen.ts';
import { type Drafted, draft } from '../../init/draft.ts';
import type { Estimator } from '../../init/estimator.ts';
import { manifestText } from '../../init/manifest-text.ts';
import { placesHere } from '../../init/places-here.ts';
import type { Found } from '../../init/questions.ts';
import { pressKey, type Wizard } from '../../init/wizard.ts';
import type { GlyphSet } from '../../terminal/glyphs.ts';
import type { Colors } from '../../terminal/palette.ts';
import { typedOf } from '../../terminal/pressed.ts';
import { WizardScreen } from './screen.tsx';

export interface WizardFacts {
  readonly start: Wizard;
  readonly glyphs: GlyphSet;
  readonly color: Colors;
  readonly estimator: Estimator;
  /** Facts of this machine; those of the cluster are added when it answers. */
  readonly found: Found;
  readonly cluster: Promise<{ readonly found: Found; readonly words: string }>;
  /** Writes the file; throws if that fails. */
  readonly write: (file: string, text: string) => Promise<void>;
}

export type Ended = { readonly type: 'Written'; readonly file: string } | { readonly type: 'Left' };

export async function showWizard(facts: WizardFacts, signal: AbortSignal): Promise<Ended> {
  let ended: Ended = { type: 'Left' };
  await showFullScreen(<App {...facts} done={(how) => (ended = how)} />, signal);
  return ended;
}

type AppProps = WizardFacts & { readonly done: (how: Ended) => void };

function App(props: AppProps): ReactNode {
  const { estimator, glyphs, color } = props;
  const { exit } = useApp();
  const { columns, rows } = useWindowSize();
  const [wizard, show] = useState(props.start);
  // Keys may arrive faster than frames.
  const newest = useRef(props.start);
  const setWizard = (next: Wizard): void => {
    newest.current = next;
    show(next);
  };
  const { found, words } = useCluster(props);
  const drafted = useDraft(wizard, found, estimator);
  useInput((input, key) => {
    if (key.ctrl && input === 'c') return exit();
    for (const pressed of typedOf(input, key)) {
      // Computed for this key, not for the last frame.
      const { needs } = draft(newest.current, found, estimator, placesHere);
      const { wizard: next, effect } = pressKey(newest.current, pressed, { found, needs });
      setWizard(next);
      if (effect?.type === 'Leave') exit();
      if (effect?.type === 'Write') write(effect.file);
    }
  });
  const write = (file: string): void => {
    const before = newest.current;
    const { answers } = draft(before, found, estimator, placesHere);
    props.write(file, manifestText(answers)).then(
      () => {
        props.done({ type: 'Written', file });
        exit();
      },
      (error: Error) => setWizard({ ...before, said: error.message }),
    );
  };
  const display = {
    ...{ columns: Math.max(20, columns), rows: Math.max(8, rows), glyphs, color, now: 0 },
  };
  const shown = { display, wizard, found, drafted, cluster: words };
  return <WizardScreen {...shown} />;
}

/** Facts of the machine at once; those of the cluster once it has answered. */
function useCluster({ found, cluster }: AppProps): { found: Found; words: string } {
  const [known, setKnown] = useState({ found, words: 'Asking the cluster for its GPUs.' });
  useEffect(() => void cluster.then(setKnown), [cluster]);
  return known;
}

/** The draft of the current answers; a chosen model is described in the background. */
function useDraft(wizard: Wizard, found: Found, estimator: Estimator): Drafted {
  const version = useSyncExternalStore(estimator.subscribe, () => estimator.version);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version means that the estimator knows more
  const drafted = useMemo(
    () => draft(wizard, found, estimator, placesHere),
    [wizard, found, estimator, version],
  );
  const { source, answers } = drafted;
  useEffect(() => {
    if (source !== undefined) estimator.ask(source, answers);
  }, [estimator, source, answers]);
  return drafted;
}
