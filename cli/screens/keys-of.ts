// Every key of a view, for the bottom line and for the help, the important ones first. A disabled
// key shows its reason.
import type { Key } from '../components/keys.tsx';
import type { Job } from '../jobs/job.ts';
import { whyNot } from './job-keys.ts';
import type { View } from './navigation.ts';

export function keysOf(view: View, job: Job | null, isCluster: boolean): readonly Key[] {
  const acts: readonly Key[] = [
    { key: 'l', does: 'logs' },
    { key: 'd', does: 'describe' },
    { key: 'w', does: 'why' },
    { key: 'y', does: 'yaml' },
    { key: 's', does: 'save now', not: whyNot('checkpoint', job, isCluster) },
    {
      key: 'p',
      does: job?.spec.suspend === true ? 'resume' : 'pause',
      not: whyNot('pause', job, isCluster),
    },
    { key: 'x', does: 'cancel', not: whyNot('cancel', job, isCluster) },
  ];
  const scroll: readonly Key[] = [
    { key: 'j k', does: 'down, up' },
    { key: 'pgdn pgup', does: 'ten lines' },
    { key: 'g G', does: 'first, last' },
    { key: 'down up', does: 'as j and k' },
  ];
  switch (view.type) {
    case 'Board':
      return [
        { key: 'enter', does: 'open' },
        ...acts,
        { key: 'c', does: 'compare' },
        { key: '/', does: 'filter' },
        ...scroll,
      ];
    case 'Job':
      return [
        ...acts,
        { key: 'm', does: 'metric' },
        { key: 'X', does: 'axis' },
        { key: '[ ]', does: 'zoom' },
        { key: 'space', does: 'freeze' },
        { key: '1-4', does: 'panels' },
      ];
    case 'Logs':
      return [
        { key: 'f', does: 'follow' },
        { key: '/', does: 'search' },
        { key: '0-9', does: 'one worker' },
        { key: 'w', does: 'break lines' },
        { key: 't', does: 'times' },
        {
          key: 'p',
          does: 'before the restart',
          not: isCluster ? undefined : 'a run of this machine has only one log',
        },
        ...scroll,
      ];
    case 'Text':
    case 'Beside':
      return scroll;
    case 'Compare':
      return [];
  }
}
