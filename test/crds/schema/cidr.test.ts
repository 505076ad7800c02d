import { BlockList, isIP } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import {
  closedNetworks,
  closedWithin,
  contains,
  isClosed,
  parseCidr,
} from '../../../crds/schema/cidr.ts';

const read = (text: string) => {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`${text} is no network`);
  return cidr;
};

const texts = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
  fc.tuple(
    fc.ipV6().filter((text) => !/^(0*:)*:?(0+:)*ffff:/i.test(text)),
    fc.integer({ min: 0, max: 128 }),
  ),
);

test('addresses are read as Node.js reads them, and networks contain what its block list blocks', (t) => {
  fc.assert(
    fc.property(texts, texts, ([outer, prefix], [inner, length]) => {
      const family = (text: string) => (isIP(text) === 6 ? 'ipv6' : 'ipv4');
      const list = new BlockList();
      list.addSubnet(outer, prefix, family(outer));
      const expected =
        family(outer) === family(inner) && length >= prefix && list.check(inner, family(inner));
      t.is(contains(read(`${outer}/${prefix}`), read(`${inner}/${length}`)), expected);
      t.true(contains(read(`${outer}/${prefix}`), read(`${outer}/${prefix}`)));
    }),
  );
});

for (const wrong of [
  ...['10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '010.0.0.0/8', '10.0.0/8', '256.0.0.0/8', ''],
  ...['::/129', '1::2::3/64', '1:2:3:4:5:6:7/64', '1:2:3:4:5:6:7:8:9/64', 'fe80::1%eth0/64'],
  ...['::ffff:10.0.0.1/128', 'g::/8', '12345::/8', '10.0.0.0/-1', '1.2.3.4::/8', ':1/8'],
]) {
  test(`${JSON.stringify(wrong)} is no network`, (t) => {
    t.is(parseCidr(wrong), undefined);
  });
}

test('closed networks are cut out of larger ones, and only of those', (t) => {
  const four = ['169.254.0.0/16', '100.100.100.200/32', '168.63.129.16/32'];
  t.deepEqual(closedWithin(read('0.0.0.0/0')), four);
  t.deepEqual(
    closedWithin(read('::/0')),
    closedNetworks.filter((each) => each.includes(':')),
  );
  t.deepEqual(closedWithin(read('100.64.0.0/10')), ['100.100.100.200/32']);
  t.deepEqual(closedWithin(read('10.0.0.0/8')), []);
  t.deepEqual(closedWithin(read('169.254.0.0/16')), [], 'nothing of it would be left');
});

test('every address by which a cloud is known to answer is closed', (t) => {
  const known = [
    ...['169.254.169.254/32', '169.254.170.2/32', '100.100.100.200/32', '168.63.129.16/32'],
    ...['fd00:ec2::254/128', 'fd20:ce::254/128', 'fd00:c1::a9fe:a9fe/128', 'fe80::a9fe:a9fe/128'],
  ];
  for (const each of known) t.true(isClosed(read(each)), each);
  for (const each of ['10.0.0.1/32', '0.0.0.0/0', 'fd00::/8', '169.0.0.0/8']) {
    t.false(isClosed(read(each)), each);
  }
});
