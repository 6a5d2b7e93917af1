/** The guest's file system: Node, the agent as built here, two proxies, busybox, and init. */
import { existsSync, globSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { outputOf, SetupError } from '../../tools/setup/command.ts';
import { root } from '../../tools/setup/paths.ts';
import { unpackedFolder } from '../../tools/setup/unpacked.ts';
import { CpioWriter } from './cpio.ts';

const NGINX_CONFIG = `daemon off; worker_processes 1; pid /tmp/nginx.pid; error_log stderr; user root;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server { listen 127.0.0.1:8080; location / { proxy_pass http://127.0.0.1:8081; } }
}
`;

const HAPROXY_CONFIG = `defaults
  mode http
  timeout connect 30s
  timeout client 60s
  timeout server 60s
listen front
  bind 127.0.0.1:8081
  server back 127.0.0.1:8082
`;

/** Copies a program with the libraries that its loader would find; `folder` has more of them. */
function addProgram(image: CpioWriter, name: string, file: string, folder = ''): void {
  image.copy(name, realpathSync(file));
  const path = folder === '' ? '' : join(folder, 'usr/lib/x86_64-linux-gnu');
  const listing = outputOf('env', [`LD_LIBRARY_PATH=${path}`, 'ldd', file]) ?? '';
  for (const [, library = ''] of listing.matchAll(/(\/\S+) \(0x/g)) {
    const isLoader = basename(library).startsWith('ld-linux');
    const target = isLoader ? '/lib64' : '/lib/x86_64-linux-gnu';
    image.copy(join(target, basename(library)), realpathSync(library));
  }
}

function addTree(image: CpioWriter, pattern: string): void {
  const files = globSync(pattern, { cwd: root, withFileTypes: true });
  for (const entry of files.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    image.copy(join('/spantap', path.slice(root.length)), path);
  }
}

/** Packages that the agent itself needs, not those of its tests; code only. */
function addPackages(image: CpioWriter): void {
  const lock: { packages: Record<string, { dev?: boolean }> } = JSON.parse(
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
  );
  for (const [path, { dev }] of Object.entries(lock.packages)) {
    if (path === '' || dev === true || !existsSync(join(root, path))) continue;
    addTree(image, `${path}/**/*.{js,cjs,mjs,json,proto}`);
  }
}

export function buildImage(path: string): void {
  const image = new CpioWriter(path);
  for (const folder of ['/proc', '/sys', '/dev', '/tmp', '/var/log/nginx', '/var/lib/haproxy']) {
    image.directory(folder);
  }
  image.file('/init', readFileSync(join(import.meta.dirname, 'guest-init.sh')), 0o755);
  image.copy('/bin/busybox', join(unpackedFolder('qemu'), 'bin/busybox'));
  addProgram(image, '/bin/node', process.execPath);
  const proxies = unpackedFolder('proxies');
  for (const name of ['nginx', 'haproxy']) {
    const file = join(proxies, 'usr/sbin', name);
    addProgram(image, `/usr/sbin/${name}`, file, proxies);
  }
  image.file('/etc/nginx.conf', NGINX_CONFIG);
  image.file('/etc/haproxy.cfg', HAPROXY_CONFIG);
  image.file('/etc/passwd', 'root:x:0:0::/:/bin/sh\n');
  image.file('/etc/group', 'root:x:0:\n');
  image.file('/etc/hostname', 'guest\n');
  image.file('/etc/machine-id', '0123456789abcdef0123456789abcdef\n');
  image.file('/www/hello', 'hello from the backend\n');
  image.file('/www/ready', 'ready\n');
  const addon = join(root, 'build', 'spantap.node');
  if (!existsSync(addon)) throw new SetupError(`${addon} is missing`, 'npm run test:kernels');
  addProgram(image, '/spantap/build/spantap.node', addon);
  addTree(image, 'build/*.bpf.o');
  addTree(image, 'src/**/*.ts');
  addTree(image, 'package.json');
  addPackages(image);
  image.close();
}
