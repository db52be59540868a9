#!/usr/bin/env bash
# A Slurm cluster of one node on loopback, all of it in one folder: nothing in /etc, no system service, root not needed.
#   slurm.sh up FOLDER      start it (Debian: slurm-wlm, munge); then use it with SLURM_CONF=FOLDER/slurm.conf
#   slurm.sh down FOLDER    cancel what is queued and stop what `up` started; the logs and the folder stay
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin

action=${1:-} folder=${2:-}
[[ $action =~ ^(up|down)$ && -n $folder ]] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$folder"
folder=$(realpath "$folder")
export SLURM_CONF=$folder/slurm.conf

configure() {
    local user memory limits
    user=$(id -un)
    memory=$(awk '/^MemTotal/ { print int($2 / 1024 * 0.9) }' /proc/meminfo)
    # Memory over the request: the kernel's group limit where it can be set (exit 137, as on most clusters), else slurmd looks.
    if [[ -w /sys/fs/cgroup/memory/tasks ]]; then
        limits='TaskPlugin=task/cgroup'
        printf '%s\n' CgroupPlugin=cgroup/v1 CgroupMountpoint=/sys/fs/cgroup CgroupAutomount=no \
            ConstrainRAMSpace=yes AllowedSwapSpace=0 >"$folder/cgroup.conf"
    else
        limits=$'TaskPlugin=task/none\nJobAcctGatherParams=OverMemoryKill,UsePss'
    fi
    cat >"$SLURM_CONF" <<CONF
ClusterName=loopback
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
$limits
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
EnforcePartLimits=ALL
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=1
KillWait=5
NodeName=localhost NodeAddr=127.0.0.1 CPUs=$(env -u OMP_NUM_THREADS nproc) RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
CONF
}

up() {
    local program
    for program in munged slurmctld slurmd; do
        command -v $program >/dev/null || { echo "there is no $program: install slurm-wlm and munge (Debian)" >&2; exit 1; }
    done
    mkdir -p "$folder"/{state,spool}
    install -d -m 711 "$folder/munge"
    configure
    [[ -s $folder/munge/key ]] || (umask 077 && head -c 1024 /dev/urandom >"$folder/munge/key")
    munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munged.pid" \
        --seed-file="$folder/munge/seed" --log-file="$folder/munged.log"
    slurmctld -i
    slurmd -N localhost
    for _ in {1..60}; do
        if [[ $(sinfo -h -o %T 2>/dev/null) =~ ^(idle|mixed|allocated)$ ]]; then
            sinfo -o 'partition %P: node %n, %c processors, %m MB, %T'
            return
        fi
        sleep 0.5
    done
    echo "the node did not come up" >&2
    tail -n 20 "$folder"/{munged,slurmctld,slurmd}.log >&2
    down
    exit 1
}

stop() {
    local pid
    [[ -s $1 ]] || return 0
    pid=$(<"$1")
    kill "$pid" 2>/dev/null || return 0
    for _ in {1..60}; do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.25
    done
    kill -9 "$pid"
}

down() {
    timeout 10 scancel --quiet --partition=main || true
    for _ in {1..20}; do
        [[ -n $(timeout 5 squeue -h 2>/dev/null) ]] || break
        sleep 0.5
    done
    stop "$folder/slurmd.pid"
    stop "$folder/slurmctld.pid"
    stop "$folder/munged.pid"
    rmdir /sys/fs/cgroup/memory/slurm_localhost 2>/dev/null || true
}

$action
