// The sentences of the default workload inside the binary.
// The build defines the path of the file.

        .section .rodata
        .global attention_demo_sentences
        .global attention_demo_sentences_end
attention_demo_sentences:
        .incbin ATTENTION_DEMO_SENTENCES
attention_demo_sentences_end:

// Without this the linker takes the stack for executable.
        .section .note.GNU-stack, "", %progbits
