import { readEventFile, readEventFileHead } from './src/capture/event-file.ts';
import { createOtlpExporter } from './src/export/create.ts';
import { discard } from './src/export/discard.ts';
import { readExportSettings } from './src/export/settings.ts';
import { WallClock } from './src/export/clock.ts';
import { Replay, clockOf } from './src/replay.ts';
import { Counters } from './src/telemetry/counters.ts';
const file = process.argv[2]; const mode = process.argv[3] ?? 'all';
const items: any[] = []; for (const i of readEventFile(file)) items.push(i.kind==='note'? i : {kind:'records', bytes: new Uint8Array(i.bytes)});
for (let round=0; round<4; round++) {
const counters = new Counters();
const silent = {debug(){},info(){},warn(){},error(){}} as any;
let batches: any[] = []; let encNs=0n;
const replay = new Replay(counters, silent, (b)=>{ if(mode==='all'){const t=process.hrtime.bigint(); exporter.add(b); encNs+=process.hrtime.bigint()-t;} });
const exporter = createOtlpExporter({level:'summary', settings: readExportSettings({}), resourceOf:(i)=>replay.resourceOf(i), clock:new WallClock(clockOf(readEventFileHead(file))), counters, log: silent} as any,'http/protobuf',discard);
const c0=process.cpuUsage(); const t0=process.hrtime.bigint();
for (const i of items) { if (i.kind==='note') replay.note((i as any).value); else { const b=(i as any).bytes; 
 // feed in ~64KiB pieces
 let o=0; const v=new DataView(b.buffer,b.byteOffset,b.byteLength); while(o<b.length){ let e=o; while(e<b.length && e-o<65536) e+=v.getUint32(e+4,true); replay.pipeline.consume(b.subarray(o,e)); o=e; await null; } } }
replay.pipeline.finish(); await exporter.close(5000);
const wall=Number(process.hrtime.bigint()-t0)/1e3; const cu=process.cpuUsage(c0);
const ex=counters.get('protocol.exchanges')/2;
console.log(mode, 'reqs', ex, 'wall us/req', (wall/ex).toFixed(2), 'cpu us/req', ((cu.user+cu.system)/ex).toFixed(2), 'enc us/req', (Number(encNs)/1e3/ex).toFixed(2), 'spans', counters.get('export.spans'), 'exact', counters.get('link.exact_state'));
}
process.exit(0);
