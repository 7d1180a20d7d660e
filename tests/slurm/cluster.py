"""A Slurm cluster of this machine alone: munged, slurmctld and a slurmd for each of its nodes, as processes of whoever starts it.

Ports, sockets, keys and logs are its own, below one temporary folder. Whatever becomes of the process that started it
(an exception, a signal, SIGKILL), a keeper apart from it ends every process of the cluster, jobs included, and removes the folder:
it waits for the end of a pipe that the starter holds. A process belongs to the cluster when its environment names the cluster's
slurm.conf, which everything inherits from the daemons or from the command that submitted it, or when it is a slurmstepd with
the log of one of the nodes open.
"""
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "scontrol", "squeue", "scancel", "sinfo")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
PATIENCE_S = 60  # for anything that is to happen

CONFIGURATION = """\
ClusterName=ascribe
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MpiDefault=none
ReturnToService=2
JobRequeue=1
MailProg=/bin/true
GresTypes=gpu
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 Gres=gpu:2 State=UNKNOWN\n"
PARTITIONS = """\
PartitionName=normal Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2
"""


def missing():
    """The programs that a cluster takes and that are not here."""
    return [name for name in DAEMONS + COMMANDS if not shutil.which(name, path=PATH)]


def wait_until(condition, what, patience_s=PATIENCE_S):
    """The first true value of condition(), asked for often; an AssertionError when there is none in time."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("waited %d s for this: %s" % (patience_s, what))


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def environment_of(pid):
    """A process's environment, as bytes; {} for those that are gone or somebody else's."""
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            return dict(pair.split(b"=", 1) for pair in file.read().split(b"\0") if b"=" in pair)
    except OSError:
        return {}


def open_files_of(pid):
    try:
        names = os.listdir("/proc/%d/fd" % pid)
        return [os.readlink("/proc/%d/fd/%s" % (pid, name)) for name in names]
    except OSError:
        return []


def is_slurmstepd(pid):
    """Slurm's process beside each job: it writes its title over its environment."""
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read().startswith("slurmstepd")
    except OSError:
        return False


def processes_of(folder, node=None):
    """Process ids of a cluster, or of the jobs on one of its nodes."""
    conf = ("%s/slurm.conf" % folder).encode()
    log = "%s/log/slurmd-%s" % (folder, node + ".log" if node else "")
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if is_slurmstepd(pid):
            mine = any(path.startswith(log) for path in open_files_of(pid))
        else:
            environment = environment_of(pid)
            mine = environment.get(b"SLURM_CONF") == conf and (node is None or environment.get(b"SLURMD_NODENAME") == node.encode())
        if mine:
            found.append(pid)
    return found


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def keep(folder, pipe):
    """The keeper: waits for the starter's end, then for that of everything."""
    os.read(pipe, 1)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        pids = processes_of(folder)
        if not pids:
            break
        kill_all(pids)
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def start_keeper(folder):
    """Returns the pipe's end that keeps the cluster alive. The keeper is nobody's child: who kills a tree of processes leaves it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.setsid()
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        if os.fork() == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(nothing, stream)
            keep(folder, reading)
        os._exit(0)
    os.close(reading)
    os.waitpid(child, 0)
    return writing


class Cluster:
    """`with Cluster(2) as cluster:`; `folder`/files is there for files of whoever uses it."""

    def __init__(self, n_nodes):
        self.nodes = ["n%d" % i for i in range(n_nodes)]

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="ascribe-slurm-")
        self.pipe = start_keeper(self.folder)
        os.chmod(self.folder, 0o755)  # munged refuses a socket where others cannot go
        for name in ("run", "log", "state", "files"):
            os.mkdir(os.path.join(self.folder, name))
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH", "SQUEUE", "SCANCEL"))}
        self.environment.update(SLURM_CONF=self.folder + "/slurm.conf", PATH=PATH, LC_ALL="C.UTF-8")
        self.write_configuration()
        self.start_daemons()
        return self

    def __exit__(self, *_):
        os.close(self.pipe)
        wait_until(lambda: not os.path.exists(self.folder), "the end of the cluster's processes")

    def write_configuration(self):
        ports = free_ports(1 + len(self.nodes))
        host = socket.gethostname().split(".")[0]
        with open(self.folder + "/slurm.conf", "w") as file:
            file.write(CONFIGURATION.format(host=host, user=getpass.getuser(), folder=self.folder, ports=ports))
            for name, port in zip(self.nodes, ports[1:]):
                file.write(NODE.format(name=name, host=host, port=port))
            file.write(PARTITIONS)
        with open(self.folder + "/gres.conf", "w") as file:  # any two devices: nothing computes on them
            file.write("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")
        with open(self.folder + "/run/munge.key", "wb") as file:
            os.fchmod(file.fileno(), 0o400)
            file.write(os.urandom(1024))

    def daemon(self, name, *arguments):
        with open("%s/log/%s.out" % (self.folder, name), "ab") as log:
            subprocess.Popen([shutil.which(name, path=PATH), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             cwd=self.folder, env=self.environment, start_new_session=True)

    def start_daemons(self):
        run = self.folder + "/run/"
        self.daemon("munged", "--force", "--foreground", "--socket=%smunge.socket" % run, "--key-file=%smunge.key" % run,
                    "--pid-file=%smunged.pid" % run, "--seed-file=%smunged.seed" % run, "--log-file=%s/log/munged.log" % self.folder)
        wait_until(lambda: os.path.exists(run + "munge.socket"), "munged's socket")
        self.daemon("slurmctld", "-D")
        for name in self.nodes:
            self.daemon("slurmd", "-D", "-N", name)
        wait_until(lambda: self.command("sinfo", "-h", "-p", "normal", "-o", "%t %D", check=False) == "idle %d" % len(self.nodes),
                   "all nodes idle")

    def command(self, *words, check=True, cwd=None):
        """What the command printed, without white space at both ends."""
        done = subprocess.run(words, cwd=cwd or self.folder + "/files", env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S)
        if check and done.returncode != 0:
            raise AssertionError("%s: exit code %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
        return done.stdout.strip()

    def describe(self, job):
        """{element: {field: text}} of an array job, {None: {...}} of another. Elements that never started may stand together."""
        found = {}
        for line in self.command("scontrol", "--oneliner", "show", "job", str(job)).splitlines():
            fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
            found[fields.get("ArrayTaskId")] = fields
        return found

    def element(self, job, task):
        """One element's fields; {} before Slurm looks at it by itself."""
        return self.describe(job).get(str(task), {})

    def start_soon(self, job, task):
        """Hastens a requeued element, which Slurm lets wait two minutes. Not at once: within a second a node takes it for the killed one."""
        name = "%s_%d" % (job, task)
        wait_until(lambda: self.element(job, task).get("JobState") == "PENDING", "%s waits to be run again" % name)
        self.command("scontrol", "update", "jobid=" + name, "StartTime=now+2")

    def fail_node(self, name):
        """Everything on the node dies at once, and the controller learns of it: it runs the node's jobs again, elsewhere."""
        with open("%s/run/slurmd-%s.pid" % (self.folder, name)) as file:
            killed = [int(file.read())] + processes_of(self.folder, name)
        kill_all(killed)
        self.command("scontrol", "update", "nodename=" + name, "state=down", "reason=failed")
        return len(killed)

    def logs(self):
        """The ends of all logs, for whoever has to find out."""
        for root, _, names in os.walk(self.folder):
            for name in sorted(names):
                if name.endswith(".log"):
                    with open(os.path.join(root, name), errors="replace") as file:
                        yield "---- %s\n%s" % (name, "".join(file.readlines()[-30:]))
