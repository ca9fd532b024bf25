// The demo model's vocabulary and embeddings inside the binary.
// The build defines the paths of both files.

        .section .rodata
        .balign 64
        .global attention_demo_vocabulary
        .global attention_demo_vocabulary_end
attention_demo_vocabulary:
        .incbin ATTENTION_DEMO_VOCABULARY
attention_demo_vocabulary_end:

        .balign 64
        .global attention_demo_embeddings
        .global attention_demo_embeddings_end
attention_demo_embeddings:
        .incbin ATTENTION_DEMO_EMBEDDINGS
attention_demo_embeddings_end:

// Without this the linker takes the stack for executable.
        .section .note.GNU-stack, "", %progbits
