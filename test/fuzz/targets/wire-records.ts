// What one process says to another: records of the bus and of a federation, a plan, a termination
// message, lines of telemetry. Anybody with a token may write one; a reader gets a record, or the
// words of the schema, and nothing else.
import * as z from 'zod';
import { jsonLimits, parseJson, RefusedBytes } from '../../../crds/text/json.ts';
import {
  privacyAccount,
  roundAbsent,
  roundClaim,
  roundResult,
  roundSpec,
  roundSubmit,
} from '../../../crds/wire/federation.ts';
import { clientTurn, hubRecord } from '../../../crds/wire/federation-bus.ts';
import { planRecord } from '../../../crds/wire/plan-record.ts';
import { logRecord, podEvent } from '../../../crds/wire/pod-messages.ts';
import { desiredRecord, heartbeatRecord, stateRecord } from '../../../crds/wire/state.ts';
import { telemetry } from '../../../crds/wire/telemetry.ts';
import { parseTerminationMessage } from '../../../crds/wire/termination-message.ts';
import { nests } from '../nests.ts';
import type { Target } from '../target.ts';

const digest = 'a'.repeat(64);

const schemas: readonly z.ZodType[] = [
  ...[planRecord, stateRecord, desiredRecord, heartbeatRecord, telemetry, logRecord, podEvent],
  ...[roundSpec, roundClaim, roundSubmit, roundAbsent, roundResult, privacyAccount],
  ...[clientTurn, hubRecord],
];

export const target: Target = {
  seeds: [
    '{"v":1,"failure":{"code":"E_CRASHED","reason":"Crashed","message":"a","step":3}}',
    '{"v":1,"finished":{"reason":"Finished","step":10}}',
    '{"v":1,"round":2,"step":10,"time":"2024-05-01T00:00:00.000Z","index":0}',
    '{"type":"step","step":3,"loss":1.5,"learningRate":0.1}',
    `{"round":1,"client":"a","epoch":1,"base":"b","state":"${digest}","object":{"digest":"${digest}","bytes":8},"samples":3}`,
    '{"version":1,"run":"0123456789abcdef","round":1,"epoch":2,"declined":"a"}',
    '{"version":1,"run":"0123456789abcdef","hub":1,"state":"Open","offer":{"aggregation":"FedSB","rounds":2,"clients":[{"name":"a"}],"job":{"model":{},"dataset":{},"method":{},"training":{},"checkpoint":{},"failurePolicy":{}}}}',
    '{"time":"2024-05-01T00:00:00.000Z","level":"info","text":"a","index":0}',
  ],
  words: [
    ...nests,
    ...['"v"', '"type"', '"step"', '"time"', '"round"', '"world"', '"spec"', '"__proto__"'],
    ...['1e400', '-1', 'null', '[]', '{}', ',', '"', '"info"', '"step"'],
  ],
  run(bytes) {
    parseTerminationMessage(new TextDecoder().decode(bytes));
    const value = read(bytes);
    for (const schema of schemas) {
      const parsed = schema.safeParse(value);
      if (!parsed.success) z.prettifyError(parsed.error);
      // Whatever is read is written again by somebody: in a log, in a status.
      else JSON.stringify(parsed.data);
    }
  },
};

function read(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, jsonLimits.message);
  } catch (error) {
    if (error instanceof RefusedBytes) return undefined;
    throw error;
  }
}
