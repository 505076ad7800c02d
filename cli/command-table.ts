// The commands by group, in the order of `anneal --help`.
import type { Command } from 'commander';
import { addChanges } from './commands/change/command.ts';
import { addCheckpoints } from './commands/checkpoints/command.ts';
import { addCompare } from './commands/compare/command.ts';
import { addCompletion } from './commands/completion/command.ts';
import { addDescribe } from './commands/describe/command.ts';
import { addDoctor } from './commands/doctor/command.ts';
import { addEstimate } from './commands/estimate/command.ts';
import { addExplain } from './commands/explain/command.ts';
import { addFederate } from './commands/federate/command.ts';
import { addGenerate } from './commands/generate/command.ts';
import { addGet } from './commands/get/command.ts';
import { addImport } from './commands/import/command.ts';
import { addInit } from './commands/init/command.ts';
import { addList } from './commands/list/command.ts';
import { addLogs } from './commands/logs/command.ts';
import { addMetrics } from './commands/metrics/command.ts';
import { addRun } from './commands/run/command.ts';
import { addSample } from './commands/sample/command.ts';
import { addServe } from './commands/serve/command.ts';
import { addSubmit } from './commands/submit/command.ts';
import { addTransfer } from './commands/transfer/command.ts';
import { addVersion } from './commands/version/command.ts';
import { addWatch } from './commands/watch/command.ts';
import { addWhy } from './commands/why/command.ts';
import type { Perform, Surroundings } from './process/context.ts';

type Add = (program: Command, surroundings: Surroundings, perform: Perform) => void;

export const commandTable: readonly (readonly [group: string, commands: readonly Add[]])[] = [
  [
    'Start:',
    [
      addInit,
      addImport,
      addEstimate,
      addExplain,
      addSubmit,
      addRun,
      addServe,
      addSample,
      addFederate,
      addTransfer,
      addGenerate,
    ],
  ],
  [
    'Look:',
    [
      addList,
      addWatch,
      addGet,
      addDescribe,
      addWhy,
      addLogs,
      addMetrics,
      addCompare,
      addCheckpoints,
    ],
  ],
  ['Act:', [addChanges]],
  ['Help:', [addDoctor, addCompletion, addVersion]],
];
