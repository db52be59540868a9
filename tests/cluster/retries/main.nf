// Tasks that Slurm ends at their first attempt; what happens then is the project's own configuration.

process TOO_LARGE {
    label 'tiny'

    output:
    stdout

    script:
    """
    python3 -c 'import time; held = b"x" * (150 << 20); time.sleep(10); print(len(held))'
    """
}

process TOO_SLOW {
    label 'tiny'

    output:
    stdout

    script:
    """
    sleep ${task.attempt == 1 ? 600 : 1}
    """
}

process LOST {
    label 'tiny'

    output:
    stdout

    script:
    """
    sleep ${task.attempt == 1 ? 600 : 1}
    """
}

workflow {
    TOO_LARGE()
    TOO_SLOW()
    LOST()
}
